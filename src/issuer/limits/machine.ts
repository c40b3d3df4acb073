import {
  after,
  before,
  type Duration,
  elapsed,
  milliseconds,
  seconds,
  sum,
  times,
} from '../../kit/duration.ts';
import {
  ACCOUNT_MEMORY,
  FIRST_WAIT,
  FREE_FAILURES,
  LONGEST_RUN,
  LONGEST_WAIT,
  NOTE_AGAIN,
  type Rate,
  RUN_MEMORY,
} from './policy.ts';

/** What a bucket gives just now. */
export interface Standing {
  /** Calls that it would let through at once. */
  readonly remaining: number;
  /** How long until it lets one through; zero when it would now. */
  readonly wait: Duration;
  /** How long until it is full. */
  readonly refill: Duration;
}

/** What the statement that takes from a bucket compares and writes. */
export interface Terms {
  /** When a bucket that was full is full again after this call. */
  readonly first: Date;
  /** A bucket that is full only after this instant is empty now. */
  readonly latest: Date;
  /**
   * One that is full only after this was written by a clock that has been set back since, or under
   * another policy: it gives one, and is empty then. Else it would lock out for as long as the
   * clock was wrong.
   */
  readonly impossible: Date;
}

/** As far as any two clocks may differ. */
const SKEW = seconds(60);

/** The terms of one call now (the generic cell rate algorithm, ITU-T I.371). */
export const terms = ({ burst, interval }: Rate, now: Date): Terms => ({
  first: after(now, interval),
  latest: after(now, times(burst - 1, interval)),
  impossible: after(now, sum(times(burst, interval), SKEW)),
});

/**
 * How a bucket stands that will be full at `fullAt`; undefined: that nobody took from. One that
 * is full later than its burst allows is of another policy, and counts as empty.
 */
export function standing({ burst, interval }: Rate, fullAt: Date | undefined, now: Date): Standing {
  const capacity = times(burst, interval);
  const missing = fullAt ? elapsed(now, fullAt) : milliseconds(0);
  const refill = Math.min(missing, capacity) as Duration;
  return {
    remaining: Math.floor((capacity - refill) / interval),
    wait: Math.max(0, refill - (capacity - interval)) as Duration,
    refill,
  };
}

/** Wrong passwords in a row, the last of them at `failedAt`. */
export interface Run {
  readonly failures: number;
  readonly failedAt: Date | null;
}

/** What is known of an account whose password is to be tried. */
export interface PasswordState {
  /** From this network. */
  readonly here: Run | undefined;
  /** From all networks together. */
  readonly anywhere: Run | undefined;
  /** When the account last logged in from this network. */
  readonly knownAt: Date | null;
}

/** Whether a password may be tried. */
export type Verdict =
  | { readonly kind: 'free' }
  /** Too many wrong ones from this network. */
  | { readonly kind: 'wait'; readonly wait: Duration }
  /** Too many wrong ones in a row, and the network is not known. */
  | { readonly kind: 'reset_needed' };

/**
 * Judges whether a password may be tried: guesses from a network make that network wait, ever
 * longer; only a long run over all networks touches others, and never one that logged in before.
 */
export function judge({ here, anywhere, knownAt }: PasswordState, now: Date): Verdict {
  const known = knownAt !== null && knownAt > before(now, ACCOUNT_MEMORY);
  if (!known && lengthOf(anywhere, ACCOUNT_MEMORY, now) >= LONGEST_RUN) {
    return { kind: 'reset_needed' };
  }
  const due = waitAfter(lengthOf(here, RUN_MEMORY, now));
  const wait = here?.failedAt ? elapsed(now, after(here.failedAt, due)) : milliseconds(0);
  return due > 0 && wait > 0 ? { kind: 'wait', wait } : { kind: 'free' };
}

/** How long a network waits after so many wrong passwords for one account in a row. */
export function waitAfter(failures: number): Duration {
  if (failures < FREE_FAILURES) return milliseconds(0);
  return Math.min(LONGEST_WAIT, times(2 ** (failures - FREE_FAILURES), FIRST_WAIT)) as Duration;
}

/** Whether a right password leaves nothing to write: no run to end, the network noted lately. */
export const isSettled = ({ here, anywhere, knownAt }: PasswordState, now: Date): boolean =>
  !here?.failures && !anywhere?.failures && knownAt !== null && knownAt > before(now, NOTE_AGAIN);

/** When the last of a run can have been: after `since`, and not after `until`. */
export interface RunLimits {
  readonly since: Date;
  readonly until: Date;
}

/** A run is forgotten after a while; one of times to come is of a clock that has been set back. */
export const runLimits = (memory: Duration, now: Date): RunLimits => ({
  since: before(now, memory),
  until: after(now, SKEW),
});

function lengthOf(run: Run | undefined, memory: Duration, now: Date): number {
  const { since, until } = runLimits(memory, now);
  const counts = run?.failedAt && run.failedAt > since && run.failedAt <= until;
  return counts ? run.failures : 0;
}
