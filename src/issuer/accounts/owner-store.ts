import type { Db } from '../../db/database.ts';
import { gathering } from '../../db/gather.ts';
import { execute } from '../../db/statement.ts';
import { plannedAnew } from '../../db/statement-names.ts';
import { type Tables, toUser, type User } from '../users/store.ts';
import type { Owner } from './deps.ts';

/** Whose session is looked at, and when. */
export interface OwnerAt extends Owner {
  readonly now: Date;
}

const FIND = `SELECT users.* FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.id = $1 AND sessions.user_id = $2
  AND sessions.ended_at IS NULL AND sessions.expires_at > $3`;

// By the session's id first: by the user's it would be all of their sessions, for each call.
const FIND_ALL = plannedAnew(`SELECT asked.place::int, users.*
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY
  AS asked (session_id, user_id, now, place)
CROSS JOIN LATERAL (
  SELECT user_id, ended_at, expires_at FROM sessions WHERE id = asked.session_id LIMIT 1) AS session
JOIN users ON users.id = session.user_id
WHERE session.user_id = asked.user_id AND session.ended_at IS NULL
  AND session.expires_at > asked.now`);

/** The user whose session it is, in one statement; undefined when the session is over at `now`. */
export const findOwner: (db: Db, asked: OwnerAt) => Promise<User | undefined> = gathering(
  async (db, { sessionId, userId, now }) => {
    const { rows } = await execute<Tables['users']>(db, FIND, [sessionId, userId, now]);
    return rows[0] && toUser(rows[0]);
  },
  async (db, asked) => {
    const { rows } = await execute<Tables['users'] & { place: number }>(db, FIND_ALL, [
      asked.map(({ sessionId }) => sessionId),
      asked.map(({ userId }) => userId),
      asked.map(({ now }) => now),
    ]);
    const found = new Map(rows.map((row) => [row.place, toUser(row)]));
    return asked.map((_, at) => found.get(at + 1));
  },
);
