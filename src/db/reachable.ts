import { setTimeout as sleep } from 'node:timers/promises';
import type { Duration } from '../kit/duration.ts';
import type { Database } from './database.ts';

/**
 * Whether a database answers.
 * @param patience how long it may take; as long as it takes when absent
 */
export async function isReachable(
  database: Pick<Database, 'ping'>,
  patience?: Duration,
): Promise<boolean> {
  const answers = database.ping().then(
    () => true,
    () => false,
  );
  if (patience === undefined) return answers;
  const over = new AbortController();
  const late = sleep(patience, false, { signal: over.signal }).catch(() => false);
  const reachable = await Promise.race([answers, late]);
  over.abort();
  return reachable;
}
