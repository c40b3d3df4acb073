import { type KeyPolicy, propagationTime } from '../../src/issuer/keys/life-cycle.ts';
import { before, type Duration, earliest, latest, milliseconds } from '../../src/kit/duration.ts';

/** The settings that an operator had one after the other, and what they mean for the world. */
export interface Regimes {
  at(instant: Date): KeyPolicy;
  /** New settings from an instant on. */
  enter(policy: KeyPolicy, since: Date): void;
  /** The greatest that each of them ever was. */
  greatest(): KeyPolicy;
  /**
   * How far two clocks may be apart. They are set right before CLOCK_SKEW is lowered, so that they
   * keep to what comes later too, and get worse only when no cache is left from before it was raised.
   */
  clockSkewAt(instant: Date): Duration;
  /** How far a clock is off: half of that at most, so that no two are further apart. */
  skewAt(percent: number, instant: Date): Duration;
  /** When a replica last read the keys; each reads them at its start, and settings change by one. */
  readAt(percent: number, instant: Date): Date;
  /**
   * When the oldest JWKS was fetched that a verifier may hold at an instant. It keeps what it has for
   * as long as was promised when it fetched, and longer when that is what is promised by now.
   */
  oldestCache(instant: Date): Date;
  /** When the oldest copy was served that a cache on the way may hand out: each says for how long. */
  oldestCopy(instant: Date): Date;
}

/** A share of a whole, in hundredths. */
export const share = (percent: number, whole: number): Duration =>
  milliseconds(Math.round((percent * whole) / 100));

/** The greater of two policies, setting by setting. */
export function greatestOf(a: KeyPolicy, b: KeyPolicy): KeyPolicy {
  const greater = (name: keyof KeyPolicy) => milliseconds(Math.max(a[name], b[name]));
  return {
    accessTokenTtl: greater('accessTokenTtl'),
    keyRotationInterval: greater('keyRotationInterval'),
    verifierCacheTtl: greater('verifierCacheTtl'),
    jwksMaxAge: greater('jwksMaxAge'),
    clockSkew: greater('clockSkew'),
    keyLease: greater('keyLease'),
  };
}

/** Begins with the first settings; before `start` nothing was served. */
export function createRegimes(first: KeyPolicy, start: Date): Regimes {
  const regimes: { since: Date; policy: KeyPolicy }[] = [{ since: start, policy: first }];
  const current = (instant: Date) =>
    regimes.findLast(({ since }) => since <= instant) ?? { since: start, policy: first };
  /**
   * The earliest instant from which something can have been kept until `instant`, when it may be as
   * old as `limit` says: by the settings of when it was fetched, and of each moment since.
   */
  function oldest(instant: Date, limit: (fetched: KeyPolicy, held: KeyPolicy) => number): Date {
    const passed = regimes.filter(({ since }) => since <= instant);
    const ends = passed.map((_, n) => passed[n + 1]?.since ?? instant);
    const starts = passed.map(({ since, policy }, n) => {
      const held = passed.map((later, m) => {
        const end = ends[m] ?? instant;
        return m < n ? since : before(end, milliseconds(limit(policy, later.policy)));
      });
      const from = held.reduce(latest, since);
      return from <= (ends[n] ?? instant) ? from : instant;
    });
    return starts.reduce(earliest, instant);
  }

  function clockSkewAt(instant: Date): Duration {
    const passed = regimes.filter(({ since }) => since <= instant).map(({ policy }) => policy);
    const cached = before(instant, propagationTime(passed.reduce(greatestOf, first)));
    const felt = regimes.filter((_, n) => (regimes[n + 1]?.since ?? instant) >= cached);
    return milliseconds(Math.min(...felt.map(({ policy }) => policy.clockSkew)));
  }

  // The same few instants are asked for again and again.
  const remembered = new Map<string, Date>();
  const once = (name: string, instant: Date, find: () => Date): Date => {
    const key = `${name} ${+instant}`;
    const found = remembered.get(key) ?? find();
    remembered.set(key, found);
    return found;
  };

  return {
    at: (instant) => current(instant).policy,
    enter(policy, since) {
      regimes.push({ since, policy });
      remembered.clear();
    },
    greatest: () => regimes.map(({ policy }) => policy).reduce(greatestOf),
    clockSkewAt,
    skewAt: (percent, instant) => share(percent, clockSkewAt(instant) / 2),
    readAt(percent, instant) {
      const { since, policy } = current(instant);
      return latest(since, before(instant, share(percent, policy.keyLease)));
    },
    oldestCache: (instant) =>
      once('cache', instant, () =>
        oldest(instant, (fetched, held) =>
          Math.max(fetched.verifierCacheTtl, held.verifierCacheTtl),
        ),
      ),
    oldestCopy: (instant) =>
      once('copy', instant, () => oldest(instant, (served) => served.jwksMaxAge)),
  };
}
