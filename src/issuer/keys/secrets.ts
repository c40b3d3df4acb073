import type { Db } from '../../db/database.ts';
import { KeyTrouble } from './errors.ts';
import { createSealer, type Sealer } from './sealing.ts';
import { findSecret } from './store.ts';

/** The secret that makes the tags of refresh tokens. */
export const REFRESH_TOKEN_TAG = 'refresh token tag 1';

/** The secret that seals unsent mails. */
export const OUTBOX_KEY = 'outbox 1';

/** Seals texts in the database, each bound to its purpose. */
export interface TextSealer {
  seal(text: string, purpose: string): Promise<string>;
  /** @throws KeyTrouble when the text was altered, or sealed for another purpose */
  open(sealed: string, purpose: string): Promise<string>;
}

/**
 * The key of refresh tokens' tags, from which limits derive theirs.
 * @throws KeyTrouble when the server has never started on this database
 */
export async function openRefreshTokenTag(deps: {
  readonly db: Db;
  readonly sealer: Sealer;
}): Promise<Buffer> {
  const sealed = await findSecret(deps.db, REFRESH_TOKEN_TAG);
  if (!sealed) {
    throw new KeyTrouble(
      'The database lacks the secret of its refresh tokens: start the server once first.',
    );
  }
  return deps.sealer.open(sealed, REFRESH_TOKEN_TAG);
}

/**
 * What seals unsent mails: a key of its own, itself sealed like the signing keys. So `keys rewrap`
 * touches no mail, and every replica opens what another has sealed.
 * @throws KeyTrouble when the server has never started on this database
 */
export async function openOutboxSealer(deps: {
  readonly db: Db;
  readonly sealer: Sealer;
}): Promise<TextSealer> {
  const sealed = await findSecret(deps.db, OUTBOX_KEY);
  if (!sealed) {
    throw new KeyTrouble('The database lacks the key of its mails: start the server once first.');
  }
  const sealer = createSealer([
    { id: OUTBOX_KEY, bytes: await deps.sealer.open(sealed, OUTBOX_KEY), where: 'the database' },
  ]);
  return {
    seal: (text, purpose) => sealer.seal(Buffer.from(text), purpose),
    open: async (text, purpose) => (await sealer.open(text, purpose)).toString(),
  };
}
