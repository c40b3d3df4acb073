import { expect, test } from 'vitest';
import { chance, greater } from '../support/rank-test.ts';

test('tells apart what is apart, and nothing else', () => {
  expect(greater([1, 2, 3], [4, 5, 6])).toBe(1);
  expect(greater([4, 5, 6], [1, 2, 3])).toBe(0);
  expect(greater([1, 2, 3], [1, 2, 3])).toBe(0.5);
  expect(greater([1, 1, 1], [1, 1])).toBe(0.5);
  expect(greater([1, 3], [2, 4])).toBe(0.75);
  expect(greater([2], [1, 2, 3, 3])).toBe(0.625);
});

test('chance takes it less far the more samples there are', () => {
  expect(chance(100)).toBeCloseTo(0.225, 3);
  expect(chance(2000)).toBeCloseTo(0.0502, 3);
});
