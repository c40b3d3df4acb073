import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import { type Tables, toUser, type User } from '../users/store.ts';
import type { Owner } from './deps.ts';

const FIND = `SELECT users.* FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.id = $1 AND sessions.user_id = $2
  AND sessions.ended_at IS NULL AND sessions.expires_at > $3`;

/** The user whose session it is, in one statement; undefined when the session is over at `now`. */
export async function findOwner(
  db: Db,
  { sessionId, userId }: Owner,
  now: Date,
): Promise<User | undefined> {
  const { rows } = await execute<Tables['users']>(db, FIND, [sessionId, userId, now]);
  return rows[0] && toUser(rows[0]);
}
