import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';

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
