import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isSettled,
  judge,
  type PasswordState,
  standing,
  terms,
  waitAfter,
} from '../../src/issuer/limits/machine.ts';
import {
  ACCOUNT_MEMORY,
  FREE_FAILURES,
  LONGEST_RUN,
  LONGEST_WAIT,
  NOTE_AGAIN,
  type Rate,
  RUN_MEMORY,
} from '../../src/issuer/limits/policy.ts';
import { after, before, milliseconds, seconds, times } from '../../src/kit/duration.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

const rates = fc.record({
  burst: fc.integer({ min: 1, max: 20 }),
  interval: fc.integer({ min: 1, max: 5000 }).map(milliseconds),
});
/** Pauses between calls; many of them none at all. */
const pauses = fc.array(
  fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2000 }), fc.integer({ max: 100_000, min: 0 })),
  { minLength: 1, maxLength: 80 },
);

/** What the statement does with a bucket's row: the next `fullAt`, or undefined when it refuses. */
function take(rate: Rate, fullAt: Date | undefined, now: Date): Date | undefined {
  const { first, latest } = terms(rate, now);
  if (fullAt && fullAt > latest) return undefined;
  return fullAt && fullAt > now ? after(fullAt, rate.interval) : first;
}

/** The instants at which calls were let through. */
function play(rate: Rate, gaps: readonly number[]) {
  let now = NOW;
  let fullAt: Date | undefined;
  const calls: { now: Date; before: Date | undefined; allowed: boolean }[] = [];
  for (const gap of gaps) {
    now = after(now, milliseconds(gap));
    const next = take(rate, fullAt, now);
    calls.push({ now, before: fullAt, allowed: next !== undefined });
    fullAt = next ?? fullAt;
  }
  return calls;
}

describe('a bucket', () => {
  test('never lets more through than its burst and what refilled since', () => {
    fc.assert(
      fc.property(rates, pauses, (rate, gaps) => {
        const letThrough = play(rate, gaps).filter(({ allowed }) => allowed);
        for (const [i, first] of letThrough.entries()) {
          for (const [j, last] of letThrough.entries()) {
            if (j < i) continue;
            const refilled = (last.now.getTime() - first.now.getTime()) / rate.interval;
            expect(j - i + 1).toBeLessThanOrEqual(rate.burst + Math.floor(refilled));
          }
        }
      }),
    );
  });

  test('says what it will do: a wait of zero and something left, or a refusal and how long', () => {
    fc.assert(
      fc.property(rates, pauses, (rate, gaps) => {
        for (const { now, before: fullAt, allowed } of play(rate, gaps)) {
          const { remaining, wait, refill } = standing(rate, fullAt, now);
          expect(wait === 0).toBe(allowed);
          expect(remaining > 0).toBe(allowed);
          expect(remaining).toBeLessThanOrEqual(rate.burst);
          expect(take(rate, fullAt, after(now, wait))).toBeDefined();
          if (wait > 0) {
            expect(take(rate, fullAt, after(now, milliseconds(wait - 1)))).toBeUndefined();
          }
          expect(standing(rate, fullAt, after(now, refill)).remaining).toBe(rate.burst);
        }
      }),
    );
  });

  test('never refuses who comes no faster than it refills', () => {
    fc.assert(
      fc.property(rates, pauses, (rate, gaps) => {
        const slow = gaps.map((gap) => gap + rate.interval);
        expect(play(rate, slow).every(({ allowed }) => allowed)).toBe(true);
      }),
    );
  });

  test('that an older policy filled further is empty, not worse', () => {
    const rate = { burst: 2, interval: seconds(1) };
    const { remaining, wait } = standing(rate, after(NOW, seconds(3600)), NOW);
    expect({ remaining, wait }).toEqual({ remaining: 0, wait: 1000 });
  });
});

const instants = fc
  .integer({ min: -100_000, max: 2 * ACCOUNT_MEMORY })
  .map((age) => before(NOW, milliseconds(age)));
const runs = fc.option(
  fc.record({ failures: fc.integer({ min: 0, max: 150 }), failedAt: fc.option(instants) }),
  { nil: undefined },
);
const states: fc.Arbitrary<PasswordState> = fc.record({
  here: runs,
  anywhere: runs,
  knownAt: fc.option(instants),
});

const run = (failures: number, failedAt: Date = NOW) => ({ failures, failedAt });
const state = (over: Partial<PasswordState>): PasswordState => ({
  here: undefined,
  anywhere: undefined,
  knownAt: null,
  ...over,
});

describe('a password', () => {
  test('may be tried again after the wait that the machine names, and no sooner', () => {
    fc.assert(
      fc.property(states, (at) => {
        const verdict = judge(at, NOW);
        if (verdict.kind !== 'wait') return;
        expect(verdict.wait).toBeGreaterThan(0);
        // As far as any two clocks may differ.
        expect(verdict.wait).toBeLessThanOrEqual(LONGEST_WAIT + 60_000);
        expect(judge(at, after(NOW, verdict.wait)).kind).not.toBe('wait');
        expect(judge(at, after(NOW, milliseconds(verdict.wait - 1))).kind).toBe('wait');
      }),
    );
  });

  test('is never refused for what happened elsewhere to a network that is known', () => {
    fc.assert(
      fc.property(states, (at) => {
        const knownAt = before(NOW, seconds(1));
        expect(judge({ ...at, here: undefined, knownAt }, NOW)).toEqual({ kind: 'free' });
      }),
    );
  });

  test('waits no shorter for more failures', () => {
    fc.assert(
      fc.property(fc.nat(300), (n) => {
        expect(waitAfter(n + 1)).toBeGreaterThanOrEqual(waitAfter(n));
      }),
    );
  });

  test('waits nothing at first, then doubling, up to an hour', () => {
    const minutes = [FREE_FAILURES - 1, ...[0, 1, 2, 3, 7, 90].map((n) => FREE_FAILURES + n)];
    expect(minutes.map((n) => waitAfter(n) / 60_000)).toEqual([0, 0.5, 1, 2, 4, 60, 60]);
  });

  test.each([
    ['99 in a row', LONGEST_RUN - 1, NOW, null, 'free'],
    ['100 in a row', LONGEST_RUN, NOW, null, 'reset_needed'],
    ['100 in a row, from a known network', LONGEST_RUN, NOW, NOW, 'free'],
    [
      '100, of a network known too long ago',
      LONGEST_RUN,
      NOW,
      before(NOW, ACCOUNT_MEMORY),
      'reset_needed',
    ],
    ['100, the last a year ago', LONGEST_RUN, before(NOW, ACCOUNT_MEMORY), null, 'free'],
  ] as const)('after %s', (_, failures, failedAt, knownAt, kind) => {
    expect(judge(state({ anywhere: run(failures, failedAt), knownAt }), NOW).kind).toBe(kind);
  });

  test('a run from one network is forgotten after a day', () => {
    const long = FREE_FAILURES + 20;
    const almost = before(NOW, milliseconds(LONGEST_WAIT - 1));
    expect(judge(state({ here: run(long, almost) }), NOW)).toEqual({ kind: 'wait', wait: 1 });
    expect(judge(state({ here: run(long, before(NOW, RUN_MEMORY)) }), NOW).kind).toBe('free');
    // A row of a network that is known and never failed.
    expect(judge(state({ here: { failures: 0, failedAt: null } }), NOW).kind).toBe('free');
  });

  test('is not refused for what a clock that was fast has left', () => {
    const early = after(NOW, seconds(60));
    const wait = (failedAt: Date) => judge(state({ here: run(FREE_FAILURES, failedAt) }), NOW);
    expect(wait(early)).toEqual({ kind: 'wait', wait: 90_000 });
    expect(wait(after(early, milliseconds(1)))).toEqual({ kind: 'free' });
    const long = run(LONGEST_RUN, after(early, milliseconds(1)));
    expect(judge(state({ anywhere: long }), NOW)).toEqual({ kind: 'free' });
  });

  test('that is right leaves nothing to write when all is well already', () => {
    const well = state({ here: { failures: 0, failedAt: null }, knownAt: NOW });
    expect(isSettled(well, NOW)).toBe(true);
    expect(isSettled({ ...well, here: run(1) }, NOW)).toBe(false);
    expect(isSettled({ ...well, anywhere: run(1) }, NOW)).toBe(false);
    expect(isSettled({ ...well, knownAt: null }, NOW)).toBe(false);
    expect(isSettled({ ...well, knownAt: before(NOW, times(1, NOTE_AGAIN)) }, NOW)).toBe(false);
  });
});
