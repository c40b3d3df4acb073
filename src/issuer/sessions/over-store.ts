import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { UserId } from '../../kit/id.ts';

// Two statements, since each of the conditions has an index and both together have none.
const EXPIRED = `WITH over AS MATERIALIZED (
  SELECT id FROM sessions WHERE max_expires_at < $1
  ORDER BY max_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM sessions USING over WHERE sessions.id = over.id`;
const ENDED = `WITH over AS MATERIALIZED (
  SELECT id FROM sessions WHERE ended_at < $1
  ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM sessions USING over WHERE sessions.id = over.id`;

/** Deletes sessions that could last no longer than `instant`, at most `limit`. @returns how many */
export async function deleteExpiredSessions(db: Db, instant: Date, limit: number): Promise<number> {
  return (await execute(db, EXPIRED, [instant, limit])).affected;
}

/** Deletes sessions that ended before `instant`, at most `limit`. @returns how many */
export async function deleteEndedSessions(db: Db, instant: Date, limit: number): Promise<number> {
  return (await execute(db, ENDED, [instant, limit])).affected;
}

const ENDED_OF = `WITH over AS MATERIALIZED (
  SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NOT NULL LIMIT $2 FOR UPDATE)
DELETE FROM sessions USING over WHERE sessions.id = over.id`;

/** Deletes sessions of a user that have ended, at most `limit`. @returns how many */
export async function deleteEndedSessionsOf(
  db: Db,
  userId: UserId,
  limit: number,
): Promise<number> {
  return (await execute(db, ENDED_OF, [userId, limit])).affected;
}
