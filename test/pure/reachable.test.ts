import { expect, test } from 'vitest';
import { isReachable } from '../../src/db/reachable.ts';
import { milliseconds } from '../../src/kit/duration.ts';

test.each([
  ['answers', () => Promise.resolve(), true],
  ['refuses', () => Promise.reject(new Error('no')), false],
])('a database that %s', async (_, ping, reachable) => {
  expect(await isReachable({ ping })).toBe(reachable);
  expect(await isReachable({ ping }, milliseconds(1000))).toBe(reachable);
});

test('a database that is silent is not waited for longer than was said', async () => {
  const ping = () => new Promise<void>(() => {});
  expect(await isReachable({ ping }, milliseconds(10))).toBe(false);
});
