import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, reasonOf, unavailable } from './errors.ts';
import type { Logger } from './log.ts';

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;
/** A line at the first failure and then about every half minute. */
const LINES_EVERY = 15;

/**
 * Does `work` until what it needs is there: an `unavailable` is waited out, anything else thrown.
 * @param what is waited for, in the log's words
 * @throws the signal's reason when it aborts
 */
export async function untilAvailable<T>(
  deps: { readonly signal: AbortSignal; readonly log: Pick<Logger, 'info' | 'warn'> },
  what: string,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    deps.signal.throwIfAborted();
    try {
      const result = await work();
      if (attempt > 0) deps.log.info({ attempts: attempt + 1 }, `${what} is there`);
      return result;
    } catch (err) {
      if (!(err instanceof AppError) || err.spec !== unavailable) throw err;
      if (attempt % LINES_EVERY === 0) {
        // Without its stack: it is expected, and there is nothing to look for in it.
        deps.log.warn({ reason: reasonOf(err) }, `${what} is away; waiting for it`);
      }
      const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempt);
      await sleep(pause, undefined, { signal: deps.signal });
    }
  }
}
