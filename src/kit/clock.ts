import type { Duration } from './duration.ts';

/** Where time enters: read once an operation, handed down as `now`. */
export interface Clock {
  /** The wall clock, on PostgreSQL the database's (see `synchronise`). */
  now(): Date;
  /** Milliseconds that only ever grow, for leases and latencies; no relation to `now`. */
  monotonic(): number;
  /** Reads the database's clock and takes it as the truth from here on; throws what `read` does. */
  synchronise(read: () => Promise<Date>): Promise<void>;
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
    async synchronise(read) {
      const asked = performance.now();
      const theirs = (await read()).getTime();
      const [earliest, latest] = [theirs - performance.now(), theirs - asked];
      // It was read at some moment in between, so a slow answer says little. What was measured
      // before stands unless it must be wrong: a busy replica would else be behind the others.
      const known = origin ?? (earliest + latest) / 2;
      origin = Math.min(Math.max(known, earliest), latest);
    },
  };
}

/** A clock for tests: stands still until it is advanced. */
export interface ManualClock extends Clock {
  advance(by: Duration): void;
}

/** Makes a clock that starts at `start` and moves only by `advance`; `synchronise` reads in vain. */
export function manualClock(start = new Date('2026-01-01T00:00:00Z')): ManualClock {
  let now = start.getTime();
  let monotonic = 0;
  return {
    now: () => new Date(now),
    monotonic: () => monotonic,
    async synchronise(read) {
      await read();
    },
    advance(by) {
      now += by;
      monotonic += by;
    },
  };
}
