import { expect, test } from 'vitest';
import { wholeLines } from '../../src/cli/lines.ts';
import { createRestarts } from '../../src/cli/restarts.ts';
import { seconds } from '../../src/kit/duration.ts';

test('workers that fail at their start are replaced ever more slowly, up to ten seconds', () => {
  const { pauseAfter } = createRestarts();
  const pauses = Array.from({ length: 12 }, () => pauseAfter(seconds(1)));
  expect(pauses.slice(0, 4)).toEqual([100, 200, 400, 800]);
  expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
  expect(pauses.at(-1)).toBe(10_000);
  // One that lived for a while is replaced at once, and the count begins anew.
  expect(pauseAfter(seconds(60))).toBe(0);
  expect(pauseAfter(seconds(1))).toBe(100);
});

test('the lines of a worker arrive whole, however they are cut', () => {
  const text = '{"a":1}\n{"b":2}\n{"c":3}\n';
  for (let first = 0; first <= text.length; first++) {
    for (let second = first; second <= text.length; second++) {
      const taken: string[] = [];
      const take = wholeLines((lines) => taken.push(lines));
      for (const part of [text.slice(0, first), text.slice(first, second), text.slice(second)]) {
        take(part);
      }
      expect(taken.join('')).toBe(text);
      expect(taken.every((lines) => lines.endsWith('\n'))).toBe(true);
    }
  }
});
