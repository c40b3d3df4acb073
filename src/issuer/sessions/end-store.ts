import type { Db } from '../../db/database.ts';
import type { SessionId, UserId } from '../../kit/id.ts';
import { MOST_SESSIONS } from './open-store.ts';
import type { EndReason, Tables } from './store.ts';

const tables = (db: Db) => db.$extendTables<Tables>();

/** A session as its user sees it. */
export interface SessionSummary {
  readonly id: SessionId;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly expiresAt: Date;
  readonly userAgent: string | null;
  readonly address: string;
}

/** A user's live sessions, the one used last first; never more than there may be. */
export async function listSessions(db: Db, userId: UserId, now: Date): Promise<SessionSummary[]> {
  const rows = await tables(db)
    .selectFrom('sessions')
    .select(['id', 'created_at', 'last_used_at', 'expires_at', 'user_agent', 'last_address'])
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .orderBy('last_used_at', 'desc')
    .orderBy('id')
    .limit(MOST_SESSIONS)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    userAgent: row.user_agent,
    address: row.last_address,
  }));
}

/** Which sessions to end, and why. */
export interface Ending {
  readonly reason: EndReason;
  readonly now: Date;
}

/**
 * Ends one session, whoever's it is; the caller holds its token.
 * @returns the user it belonged to, or undefined when it had ended before or never was
 */
export async function endSession(
  db: Db,
  id: SessionId,
  { reason, now }: Ending,
): Promise<UserId | undefined> {
  const row = await tables(db)
    .updateTable('sessions')
    .set({ ended_at: now, end_reason: reason })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning('user_id')
    .executeTakeFirst();
  return row?.user_id;
}

/** Ends one live session of a user. @returns whether there was one */
export async function endSessionOf(
  db: Db,
  userId: UserId,
  id: SessionId,
  { reason, now }: Ending,
): Promise<boolean> {
  const row = await tables(db)
    .updateTable('sessions')
    .set({ ended_at: now, end_reason: reason })
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Ends every session of a user, but for `except`. After a change to the user's row, in its
 * transaction or later, never before: a login in flight must see the change or be ended.
 * @returns the sessions that ended
 */
export async function endSessionsOf(
  db: Db,
  userId: UserId,
  { reason, now }: Ending,
  except?: SessionId,
): Promise<SessionId[]> {
  let query = tables(db)
    .updateTable('sessions')
    .set({ ended_at: now, end_reason: reason })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null);
  if (except) query = query.where('id', '!=', except);
  return (await query.returning('id').execute()).map((row) => row.id);
}

/** Ends every session of every user. */
export async function endAllSessions(db: Db, { reason, now }: Ending): Promise<void> {
  await tables(db)
    .updateTable('sessions')
    .set({ ended_at: now, end_reason: reason })
    .where('ended_at', 'is', null)
    .execute();
}
