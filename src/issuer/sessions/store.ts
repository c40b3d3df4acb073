import type { JSONColumnType } from 'kysely';
import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { SessionId, UserId } from '../../kit/id.ts';
import type { SessionState } from './machine.ts';

/** What access tokens say of a user; this room carries it and never looks inside. */
export type UserClaims = Readonly<Record<string, unknown>>;

/** Why a session ended. */
export type EndReason =
  | 'logged_out'
  | 'logged_out_everywhere'
  | 'ended_by_user'
  | 'replaced'
  | 'too_many_sessions'
  | 'refresh_token_reused'
  | 'state_lost'
  | 'password_changed'
  | 'password_reset'
  | 'account_disabled'
  | 'logged_out_by_admin'
  | 'restored';

/** The table of sessions, for this room's stores. */
export type Tables = {
  sessions: {
    id: SessionId;
    user_id: UserId;
    client_id: string;
    claims: JSONColumnType<UserClaims>;
    generation: number;
    current_hash: Buffer;
    previous_hash: Buffer | null;
    salt: Buffer | null;
    rotated_at: Date;
    recovered: boolean;
    created_at: Date;
    expires_at: Date;
    previous_expires_at: Date | null;
    max_expires_at: Date;
    last_used_at: Date;
    last_address: string;
    user_agent: string | null;
    ended_at: Date | null;
    end_reason: EndReason | null;
  };
};

const tables = (db: Db) => db.$extendTables<Tables>();

/** What an access token is made from. */
export interface Grant {
  readonly userId: UserId;
  readonly clientId: string;
  readonly claims: UserClaims;
  /** When the user authenticated. */
  readonly createdAt: Date;
  /** When the current refresh token expires. */
  readonly expiresAt: Date;
  readonly generation: number;
}

/** A session as it is stored, as far as a refresh is concerned. */
export interface StoredSession extends SessionState, Grant {
  readonly salt: Buffer | null;
  /** From where it was used last. */
  readonly lastAddress: string;
}

/** The columns of a grant. */
export interface GrantRow {
  user_id: UserId;
  client_id: string;
  claims: UserClaims;
  created_at: Date;
  expires_at: Date;
  generation: number;
}

/** A grant from a row. */
export const grantOf = (row: GrantRow): Grant => ({
  userId: row.user_id,
  clientId: row.client_id,
  claims: row.claims,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  generation: row.generation,
});

/** A session by its id, over or not. */
export async function findSession(db: Db, id: SessionId): Promise<StoredSession | undefined> {
  const row = await tables(db)
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return (
    row && {
      ...grantOf(row),
      currentHash: row.current_hash.toString('base64url'),
      previousHash: row.previous_hash?.toString('base64url') ?? null,
      salt: row.salt,
      rotatedAt: row.rotated_at,
      recovered: row.recovered,
      previousExpiresAt: row.previous_expires_at,
      endedAt: row.ended_at,
      lastAddress: row.last_address,
    }
  );
}

const IS_LIVE = `SELECT 1 AS live FROM sessions
WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3`;

/** Whether a user's session is neither ended nor expired. */
export async function isSessionLive(
  db: Db,
  id: SessionId,
  userId: UserId,
  now: Date,
): Promise<boolean> {
  return (await execute(db, IS_LIVE, [id, userId, now])).rows.length > 0;
}
