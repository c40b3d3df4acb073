import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { coalesce } from '../../kit/coalesce.ts';
import { before, type Duration, seconds } from '../../kit/duration.ts';
import type { UserId } from '../../kit/id.ts';
import { deletionsPassedOn, deletionsToPassOn } from './deletion-store.ts';

/** What passing on who is gone needs. */
export interface DeletionDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly clock: Clock;
  /** Has a service forget users, whoever they were; may be called again for the same ones. */
  readonly forgetUsers: (userIds: readonly UserId[]) => Promise<void>;
}

const BATCH = 500;

/** No access token lives longer: after that nothing new can be stored in the name of who is gone. */
const SETTLED: Duration = seconds(25 * 3600);

/**
 * Makes what tells a service of users who are gone: at once, and once more when the last access
 * token that they may hold has expired, since the service takes such a token until then.
 */
export function passOnDeletions(deps: DeletionDeps): () => Promise<void> {
  return coalesce(async () => {
    for (;;) {
      const now = deps.clock.now();
      const settled = before(now, SETTLED);
      const userIds = await deletionsToPassOn(deps.database.db, settled, BATCH);
      if (userIds.length === 0) return;
      await deps.forgetUsers(userIds);
      await deps.database.transaction((tx) => deletionsPassedOn(tx, userIds, settled, now));
    }
  });
}
