import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coalesce } from '../../src/kit/coalesce.ts';

/** Lets every promise that can settle do so. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Work that ends when it is told. */
function work() {
  const runs: PromiseWithResolvers<number>[] = [];
  const call = coalesce(() => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  });
  return { runs, call };
}

test('who asks as soon as a run is over waits for the one that follows', async () => {
  const { runs, call } = work();
  const twice = call().then(() => call());
  const other = call();
  runs[0]?.resolve(1);
  await settled();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve(2);
  expect(await Promise.all([twice, other])).toEqual([2, 2]);
});

test('calls while one is under way share the one that follows', async () => {
  const { runs, call } = work();
  const first = call();
  const others = [call(), call(), call()];
  expect(runs).toHaveLength(1);
  runs[0]?.resolve(1);
  expect(await first).toBe(1);
  await settled();
  expect(runs).toHaveLength(2);
  runs[1]?.resolve(2);
  expect(await Promise.all(others)).toEqual([2, 2, 2]);
  const later = call();
  runs[2]?.resolve(3);
  expect(await later).toBe(3);
});

test('a failure is its own callers’ alone', async () => {
  const { runs, call } = work();
  const [first, second] = [call(), call()];
  runs[0]?.reject(new Error('broken'));
  await expect(first).rejects.toThrow('broken');
  await settled();
  runs[1]?.resolve(2);
  expect(await second).toBe(2);
});

test('each caller gets a run that began after it asked, one at a time', async () => {
  const steps = fc.array(fc.constantFrom('call', 'resolve', 'reject'), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const begun: { open: boolean }[] = [];
      let end: ((ok: boolean) => void) | undefined;
      const call = coalesce(async () => {
        expect(begun.some(({ open }) => open)).toBe(false);
        const run = { open: true };
        const number = begun.push(run);
        const ok = await new Promise<boolean>((resolve) => {
          end = resolve;
        });
        run.open = false;
        if (!ok) throw number;
        return number;
      });
      const answers: Promise<void>[] = [];
      for (const step of [...steps, 'resolve', 'resolve']) {
        if (step === 'call') {
          const before = begun.length;
          const got = call().catch((number: number) => number);
          answers.push(got.then((number) => expect(number).toBeGreaterThan(before)));
        } else {
          end?.(step === 'resolve');
          end = undefined;
        }
        await settled();
      }
      await Promise.all(answers);
    }),
  );
});
