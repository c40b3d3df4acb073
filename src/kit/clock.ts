import type { Duration } from './duration.ts';

/** Where time enters: read once an operation, handed down as `now`. */
export interface Clock {
  /** The wall clock, on PostgreSQL the database's (see `synchronise`). */
  now(): Date;
  /** Milliseconds that only ever grow, for leases and latencies; no relation to `now`. */
  monotonic(): number;
  /** Takes the database's clock as the truth from here on: `theirs` was read there just now. */
  synchronise(theirs: Date): void;
}

/**
 * This machine's clock until `synchronise` is called. From then on the time that was measured plus
 * what has passed on the monotonic clock: a machine whose clock is set (by NTP, by hand) would
 * otherwise date tokens and sessions by it until the next measurement.
 */
export function systemClock(): Clock {
  let origin: number | undefined;
  return {
    now: () => new Date(origin === undefined ? Date.now() : origin + performance.now()),
    monotonic: () => performance.now(),
    synchronise(theirs) {
      origin = theirs.getTime() - performance.now();
    },
  };
}

/** A clock for tests: stands still until it is advanced. */
export interface ManualClock extends Clock {
  advance(by: Duration): void;
}

/** Makes a clock that starts at `start` and moves only by `advance`; it ignores `synchronise`. */
export function manualClock(start = new Date('2026-01-01T00:00:00Z')): ManualClock {
  let now = start.getTime();
  let monotonic = 0;
  return {
    now: () => new Date(now),
    monotonic: () => monotonic,
    synchronise() {},
    advance(by) {
      now += by;
      monotonic += by;
    },
  };
}
