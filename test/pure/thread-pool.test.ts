import { expect, test } from 'vitest';
import { threadPoolSize } from '../../src/cli/thread-pool.ts';

test('hashing on every core but one leaves threads to signatures and files', () => {
  expect(threadPoolSize(1)).toBe(4);
  expect(threadPoolSize(3)).toBe(4);
  expect(threadPoolSize(4)).toBe(5);
  expect(threadPoolSize(16)).toBe(17);
});
