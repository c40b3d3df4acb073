import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { atEndOfTurn } from '../../src/kit/end-of-turn.ts';

/** Work that can be seen being done. */
function observed() {
  const done: number[] = [];
  const run = atEndOfTurn((input: number) => {
    done.push(input);
    if (input < 0) throw new RangeError(`${input} is below zero`);
    return input * 2;
  });
  return { done, run };
}

test('what is asked for in one turn is done after it, in its order', async () => {
  const { done, run } = observed();
  const first = run(1);
  const second = Promise.resolve().then(() => run(2));
  await Promise.resolve();
  expect(done).toEqual([]);
  expect(await Promise.all([first, second])).toEqual([2, 4]);
  expect(done).toEqual([1, 2]);
});

test('nothing comes between two pieces of work of one turn, not even who waits for the first', async () => {
  const { done, run } = observed();
  const seen = Promise.all([1, 2, 3].map((input) => run(input).then(() => [...done])));
  expect(await seen).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

test('what fails rejects its own caller alone', async () => {
  const { run } = observed();
  const results = await Promise.allSettled([run(1), run(-1), run(3)]);
  expect(results).toEqual([
    { status: 'fulfilled', value: 2 },
    { status: 'rejected', reason: new RangeError('-1 is below zero') },
    { status: 'fulfilled', value: 6 },
  ]);
});

test('the next turn is a turn of its own', async () => {
  const { done, run } = observed();
  await run(1);
  const next = run(2);
  expect(done).toEqual([1]);
  await setImmediate();
  expect(done).toEqual([1, 2]);
  expect(await next).toBe(4);
});
