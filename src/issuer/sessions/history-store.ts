import type { Db } from '../../db/database.ts';
import type { SessionId } from '../../kit/id.ts';
import type { Tables } from './store.ts';

/** What a session's row says of its life, and nothing of its tokens. */
export type SessionHistory = Omit<
  Tables['sessions'],
  'claims' | 'current_hash' | 'previous_hash' | 'salt' | 'previous_expires_at'
> & {
  /** How often a consumed token was answered with the same successor again. */
  readonly replays: number;
  readonly last_replay_at: Date | null;
  readonly last_replay_address: string | null;
};

type WithReplays = { sessions: Tables['sessions'] & SessionHistory };

/** The life of a session, over or not. */
export async function findSessionHistory(
  db: Db,
  id: SessionId,
): Promise<SessionHistory | undefined> {
  return db
    .$extendTables<WithReplays>()
    .selectFrom('sessions')
    .select(['id', 'user_id', 'client_id', 'generation', 'rotated_at', 'recovered'])
    .select(['created_at', 'expires_at', 'max_expires_at'])
    .select(['last_used_at', 'last_address', 'user_agent'])
    .select(['replays', 'last_replay_at', 'last_replay_address'])
    .select(['ended_at', 'end_reason'])
    .where('id', '=', id)
    .executeTakeFirst();
}
