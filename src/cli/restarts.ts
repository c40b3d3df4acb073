import { type Duration, milliseconds, seconds, times } from '../kit/duration.ts';

/** A worker that lived so long did not fail at its start. */
const STABLE = seconds(10);
const FIRST_PAUSE = seconds(0.1);
const LONGEST_PAUSE = seconds(10);

/**
 * Says how long to wait before another worker is started for one that ended: not at all when it
 * had lived for a while, and longer with each that did not.
 */
export function createRestarts(): { pauseAfter(lived: Duration): Duration } {
  let failures = 0;
  return {
    pauseAfter(lived) {
      failures = lived >= STABLE ? 0 : failures + 1;
      if (failures === 0) return milliseconds(0);
      const pause = times(2 ** Math.min(failures - 1, 20), FIRST_PAUSE);
      return pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
    },
  };
}
