import { randomBytes } from 'node:crypto';
import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import type { RecordingDeps } from '../audit/recording.ts';
import { KeyTrouble } from './errors.ts';
import type { HighWaterMark } from './high-water.ts';
import {
  type KeyEncryptionKeySource,
  loadKeyEncryptionKeys,
  makeFirstKeyEncryptionKey,
  noKeysIn,
} from './key-encryption-key.ts';
import type { KeyPolicy } from './life-cycle.ts';
import { createSealer, type Sealer } from './sealing.ts';
import { OUTBOX_KEY, REFRESH_TOKEN_TAG } from './secrets.ts';
import { findSecret, insertSecret, listKeys, lockKeyState } from './store.ts';
import { carryOut } from './transition.ts';

/** What the first look at the keys needs. */
export interface BootstrapDeps {
  readonly database: Pick<Database, 'db' | 'transaction' | 'notify'>;
  readonly clock: Clock;
  readonly policy: KeyPolicy;
  readonly keyBits: number;
  readonly source: KeyEncryptionKeySource;
  /** Whether a missing key-encryption key may be made: not in production. */
  readonly mayMakeKeys: boolean;
  /** Whether there are users already; then a database without signing keys is damaged. */
  readonly anyUsers: () => Promise<boolean>;
  readonly highWater: HighWaterMark;
  readonly trail: RecordingDeps['trail'];
}

/**
 * Sees to it that there are signing keys, and opens what is sealed.
 * @returns what seals and opens, and the key of refresh tokens' tags
 * @throws KeyTrouble when an operator has to help
 */
export async function bootstrapKeys(
  deps: BootstrapDeps,
): Promise<{ sealer: Sealer; refreshTokenTagKey: Buffer }> {
  const { db } = deps.database;
  // Asked in this order: another replica may be making the first keys, and then users, meanwhile.
  const usersExist = await deps.anyUsers();
  const existing = await listKeys(db);
  if (existing.length === 0 && usersExist) {
    throw new KeyTrouble(
      'The database holds users but no signing keys: it is damaged or half restored. Restore ' +
        'it whole from a backup; Keyturn makes no new keys for it by itself.',
    );
  }
  const sealer = createSealer(await keyEncryptionKeys(deps, existing.length > 0));
  if (existing.length === 0) await makeSecret(deps, sealer, REFRESH_TOKEN_TAG);
  // A rotation that is due waits until this process serves, and what the world sees can be asked.
  const context = { ...deps, sealer, isVisible: async () => false };
  await carryOut(context, { kind: 'tick' });
  const sealed = await findSecret(db, REFRESH_TOKEN_TAG);
  if (!sealed) {
    throw new KeyTrouble(
      'The database holds signing keys but not the secret of its refresh tokens: it is damaged. ' +
        'Restore it whole from a backup.',
    );
  }
  // Sealed as the others are, so that every replica opens it; databases of old have none yet.
  await makeSecret(deps, sealer, OUTBOX_KEY, sealer.sealedUnder(sealed));
  return { sealer, refreshTokenTagKey: await sealer.open(sealed, REFRESH_TOKEN_TAG) };
}

async function keyEncryptionKeys(deps: BootstrapDeps, sealedThingsExist: boolean) {
  const keys = await loadKeyEncryptionKeys(deps.source);
  if (keys.length > 0 || deps.source.from !== 'directory' || sealedThingsExist) return keys;
  if (!deps.mayMakeKeys) {
    throw new KeyTrouble(`KEYS_DIR: ${noKeysIn(deps.source.dir)}`);
  }
  return makeFirstKeyEncryptionKey(deps.source.dir);
}

/**
 * Makes a secret of the issuer's own where it is missing. That of refresh tokens comes before the
 * first signing keys, so that keys without it mean damage.
 */
async function makeSecret(
  deps: BootstrapDeps,
  sealer: Sealer,
  name: string,
  under?: string,
): Promise<void> {
  if (await findSecret(deps.database.db, name)) return;
  const sealed = await sealer.seal(randomBytes(32), name, under);
  await deps.database.transaction(async (tx) => {
    await lockKeyState(tx);
    if (await findSecret(tx, name)) return;
    await insertSecret(tx, { name, sealed, createdAt: deps.clock.now() });
  });
}
