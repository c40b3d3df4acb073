import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { manualClock, systemClock } from '../../src/kit/clock.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'], now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (milliseconds: number) => vi.advanceTimersByTime(milliseconds);

/** A question to a database, in milliseconds: until it is asked, is answered, and the answer is there. */
const question = fc.record({ pause: fc.nat(60_000), there: fc.nat(500), back: fc.nat(500) });

/** Asks a database whose clock is ahead of the monotonic one by `ahead`. */
async function ask(
  clock: ReturnType<typeof systemClock>,
  ahead: number,
  { pause, there, back }: { pause: number; there: number; back: number },
) {
  pass(pause);
  await clock.synchronise(async () => {
    pass(there);
    const theirs = new Date(ahead + performance.now());
    pass(back);
    return theirs;
  });
  return clock.now().getTime() - (ahead + performance.now());
}

test('is as good as the fastest answer, however slow the others were', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1e12), fc.array(question, { minLength: 1 }), async (ahead, all) => {
      const clock = systemClock();
      let fastest = Number.POSITIVE_INFINITY;
      for (const one of all) {
        const error = await ask(clock, ahead, one);
        fastest = Math.min(fastest, one.there + one.back);
        expect(Math.abs(error)).toBeLessThanOrEqual(fastest);
      }
    }),
  );
});

test('follows a clock that was set, within the time that an answer took', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -1e10, max: 1e10 }), question, async (step, one) => {
      const clock = systemClock();
      const ahead = 1e12;
      await ask(clock, ahead, { pause: 0, there: 1, back: 1 });
      const error = await ask(clock, ahead + step, one);
      expect(Math.abs(error)).toBeLessThanOrEqual(one.there + one.back + 2);
    }),
  );
});

test('stands where it was when an answer could have come at that moment', async () => {
  const clock = systemClock();
  expect(await ask(clock, 1e12, { pause: 0, there: 2, back: 2 })).toBe(0);
  expect(await ask(clock, 1e12, { pause: 1000, there: 0, back: 400 })).toBe(0);
  expect(await ask(clock, 1e12, { pause: 1000, there: 400, back: 0 })).toBe(0);
});

test('is the machine’s own until then, and grows by itself', async () => {
  const clock = systemClock();
  expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(1000);
  await ask(clock, 1e12, { pause: 0, there: 0, back: 0 });
  pass(5000);
  expect(clock.now().getTime()).toBe(1e12 + performance.now());
});

test.each([systemClock, manualClock])(
  '%o does not swallow a database that is away',
  async (make) => {
    const away = async () => {
      throw new Error('away');
    };
    await expect(make().synchronise(away)).rejects.toThrow('away');
  },
);
