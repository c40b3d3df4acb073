import type { Db, Tx } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { UserId } from '../../kit/id.ts';

/** Notes that a user is gone, for the services that keep something of theirs. */
export async function noteDeletion(tx: Tx, userId: UserId, now: Date): Promise<void> {
  await execute(tx, 'INSERT INTO deleted_users (user_id, deleted_at) VALUES ($1, $2)', [
    userId,
    now,
  ]);
}

/** Forgets that ids were those of users who are gone: they have come back with an import. */
export async function forgetDeletions(tx: Tx, userIds: readonly UserId[]): Promise<void> {
  await execute(tx, 'DELETE FROM deleted_users WHERE user_id = ANY ($1::uuid[])', [userIds]);
}

const TO_PASS_ON = `SELECT user_id FROM deleted_users
WHERE passed_on_at IS NULL OR deleted_at < $1 ORDER BY deleted_at LIMIT $2`;

/**
 * Users who are gone and of whom the services have to hear: for the first time, or, gone since
 * before `settled`, for the last.
 */
export async function deletionsToPassOn(db: Db, settled: Date, limit: number): Promise<UserId[]> {
  const { rows } = await execute<{ user_id: UserId }>(db, TO_PASS_ON, [settled, limit]);
  return rows.map((row) => row.user_id);
}

/** Notes that the services have heard of users, and forgets those gone since before `settled`. */
export async function deletionsPassedOn(
  tx: Tx,
  userIds: readonly UserId[],
  settled: Date,
  now: Date,
): Promise<void> {
  await execute(
    tx,
    'DELETE FROM deleted_users WHERE user_id = ANY ($1::uuid[]) AND deleted_at < $2',
    [userIds, settled],
  );
  await execute(tx, 'UPDATE deleted_users SET passed_on_at = $2 WHERE user_id = ANY ($1::uuid[])', [
    userIds,
    now,
  ]);
}
