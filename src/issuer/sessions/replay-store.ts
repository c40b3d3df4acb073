import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { SessionId } from '../../kit/id.ts';

const COUNT = `UPDATE sessions
SET replays = replays + 1, last_replay_at = $2, last_replay_address = $3 WHERE id = $1`;

/** Counts a replay on its session, and keeps when and from where the last one came. */
export async function countReplay(
  db: Db,
  id: SessionId,
  address: string,
  now: Date,
): Promise<void> {
  await execute(db, COUNT, [id, now, address]);
}
