import type { Database, Db } from '../db/database.ts';
import type { Clock } from '../kit/clock.ts';
import { before, type Duration, seconds } from '../kit/duration.ts';
import type { Logger } from '../kit/log.ts';
import { dropRequests } from './accounts/request-store.ts';
import { deleteExpiredTokens } from './accounts/token-store.ts';
import { deleteEventsBefore, forgetDeletedUsers } from './audit/store.ts';
import { deleteForgottenRuns, deleteFullBuckets } from './limits/store.ts';
import { deleteEndedSessions, deleteExpiredSessions } from './sessions/over-store.ts';

/** What housekeeping needs. */
export interface HousekeepingDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly policy: { readonly auditRetention: Duration };
  readonly log: Pick<Logger, 'info'>;
}

/** Rows that are of no more use, by what they are called in the log. */
interface Chore {
  readonly rows: string;
  /** How long rows are kept after they have served. */
  readonly keep: Duration;
  /** Deletes at most `limit` rows that had served by `instant`. @returns how many */
  readonly remove: (db: Db, instant: Date, limit: number) => Promise<number>;
  /** What became of them, where they are not deleted. */
  readonly done?: string;
}

/** So long `sessions explain` can say why somebody was logged out. */
const SESSION_KEPT = seconds(30 * 86_400);
/** Far longer than any two clocks differ. */
const TOKEN_KEPT = seconds(86_400);
/** So long is tried to answer a request that fails. */
const REQUEST_KEPT = seconds(86_400);
/** As far as any two clocks may differ. */
const LIMIT_KEPT = seconds(60);
/** Longer than an event can wait to be stored. */
const LATE = seconds(86_400);
/** What one statement deletes: a few milliseconds, also on the embedded database. */
const BATCH = 1000;

const chores = (policy: HousekeepingDeps['policy']): readonly Chore[] => [
  { rows: 'ended sessions', keep: SESSION_KEPT, remove: deleteEndedSessions },
  { rows: 'expired sessions', keep: SESSION_KEPT, remove: deleteExpiredSessions },
  { rows: 'mailed tokens', keep: TOKEN_KEPT, remove: deleteExpiredTokens },
  { rows: 'requests without an answer', keep: REQUEST_KEPT, remove: dropRequests },
  { rows: 'rate limits', keep: LIMIT_KEPT, remove: deleteFullBuckets },
  { rows: 'runs of wrong passwords', keep: LIMIT_KEPT, remove: deleteForgottenRuns },
  { rows: 'audit events', keep: policy.auditRetention, remove: deleteEventsBefore },
  {
    rows: 'audit events of deleted users',
    keep: LATE,
    remove: forgetDeletedUsers,
    done: 'took out what is personal',
  },
];

/**
 * Deletes what is of no more use, a batch at a time and with a pause after each, so that what is
 * hot never waits for it; rows that somebody else holds are left for the next time. A chore that
 * fails keeps none of the others from being done.
 * @param pause waits a little; false when the process stops
 */
export async function keepHouse(
  { database: { db }, clock, policy, log }: HousekeepingDeps,
  pause: () => Promise<boolean>,
): Promise<void> {
  const now = clock.now();
  const failures: unknown[] = [];
  for (const { rows, keep, remove, done = 'deleted what is of no more use' } of chores(policy)) {
    let removed = 0;
    try {
      for (let full = true; full; ) {
        if (!(await pause())) return;
        const count = await remove(db, before(now, keep), BATCH);
        removed += count;
        full = count === BATCH;
      }
    } catch (error) {
      failures.push(error);
    }
    if (removed > 0) log.info({ rows, removed }, done);
  }
  if (failures.length > 0) throw failures[0];
}
