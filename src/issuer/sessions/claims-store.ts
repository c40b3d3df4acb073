import type { Db, Tx } from '../../db/database.ts';
import type { UserId } from '../../kit/id.ts';
import type { Tables, UserClaims } from './store.ts';

const tables = (db: Db) => db.$extendTables<Tables>();

/**
 * Puts what tokens say of a user into the user's live sessions, whose next refresh says it. In the
 * transaction that changes the user, after the user's row: a login in flight waits for that row.
 */
export async function rewriteClaims(tx: Tx, userId: UserId, claims: UserClaims): Promise<void> {
  await tables(tx)
    .updateTable('sessions')
    .set({ claims: JSON.stringify(claims) })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null)
    .execute();
}
