import type { Db, Tx } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { UserId } from '../../kit/id.ts';
import type { MailedTokenPurpose } from './mailed-token.ts';

type Tables = {
  mailed_tokens: {
    hash: Buffer;
    user_id: UserId;
    purpose: MailedTokenPurpose;
    email: string;
    created_at: Date;
    expires_at: Date;
  };
};

const tables = (db: Db) => db.$extendTables<Tables>();

/** A token as it is stored. */
export interface MailedToken {
  /** SHA-256 of the token's text. */
  readonly hash: Buffer;
  readonly userId: UserId;
  readonly purpose: MailedTokenPurpose;
  /** The address that it was mailed to. */
  readonly email: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/**
 * Stores a token in the place of the user's one of the same purpose. The caller holds the user's
 * row, as for everything that touches tokens: row of the user first, tokens second.
 */
export async function putToken(tx: Tx, token: MailedToken): Promise<void> {
  await tables(tx)
    .insertInto('mailed_tokens')
    .values({
      hash: token.hash,
      user_id: token.userId,
      purpose: token.purpose,
      email: token.email,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
    })
    .onConflict((conflict) =>
      conflict.columns(['user_id', 'purpose']).doUpdateSet((eb) => ({
        hash: eb.ref('excluded.hash'),
        email: eb.ref('excluded.email'),
        created_at: eb.ref('excluded.created_at'),
        expires_at: eb.ref('excluded.expires_at'),
      })),
    )
    .execute();
}

/** Whose a usable token is, and what for. */
export type TokenUse = Pick<MailedToken, 'userId' | 'purpose' | 'email'>;

const COLUMNS = ['user_id', 'purpose', 'email'] as const;

const toUse = (row: { user_id: UserId; purpose: MailedTokenPurpose; email: string }): TokenUse => ({
  userId: row.user_id,
  purpose: row.purpose,
  email: row.email,
});

/** Looks at a token without consuming it; undefined when it is of no use for that, or no more. */
export async function findToken(
  db: Db,
  hash: Buffer,
  purposes: readonly MailedTokenPurpose[],
  now: Date,
): Promise<TokenUse | undefined> {
  const row = await tables(db)
    .selectFrom('mailed_tokens')
    .select(COLUMNS)
    .where('hash', '=', hash)
    .where('purpose', 'in', purposes)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return row && toUse(row);
}

/** Consumes a token: of many that try at once, one gets it. */
export async function consumeToken(
  tx: Tx,
  hash: Buffer,
  purposes: readonly MailedTokenPurpose[],
  now: Date,
): Promise<TokenUse | undefined> {
  const row = await tables(tx)
    .deleteFrom('mailed_tokens')
    .where('hash', '=', hash)
    .where('purpose', 'in', purposes)
    .where('expires_at', '>', now)
    .returning(COLUMNS)
    .executeTakeFirst();
  return row && toUse(row);
}

/** Voids a user's outstanding tokens, of some purposes or all. */
export async function voidTokens(
  tx: Tx,
  userId: UserId,
  purposes?: readonly MailedTokenPurpose[],
): Promise<void> {
  const all = tables(tx).deleteFrom('mailed_tokens').where('user_id', '=', userId);
  await (purposes ? all.where('purpose', 'in', purposes) : all).execute();
}

/** Voids every token of every user. */
export async function voidAllTokens(tx: Tx): Promise<void> {
  await tables(tx).deleteFrom('mailed_tokens').execute();
}

const DELETE_EXPIRED = `DELETE FROM mailed_tokens WHERE hash IN (
  SELECT hash FROM mailed_tokens WHERE expires_at < $1
  ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`;

/** Deletes tokens that expired before an instant, at most `limit`. @returns how many */
export async function deleteExpiredTokens(db: Db, before: Date, limit: number): Promise<number> {
  return (await execute(db, DELETE_EXPIRED, [before, limit])).affected;
}
