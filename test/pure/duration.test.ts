import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  after,
  before,
  earliest,
  elapsed,
  formatDuration,
  latest,
  milliseconds,
  parseDuration,
  seconds,
  spellDuration,
  sum,
  times,
  toSeconds,
} from '../../src/kit/duration.ts';

test('reads a whole number and a unit', () => {
  expect(parseDuration('30s')).toBe(30_000);
  expect(parseDuration('15m')).toBe(900_000);
  expect(parseDuration('24h')).toBe(86_400_000);
  expect(parseDuration('7d')).toBe(604_800_000);
  expect(parseDuration('0s')).toBe(0);
});

test.each([
  '',
  '15',
  'm',
  '1.5h',
  '-1s',
  '+1s',
  ' 1s',
  '1s ',
  '1S',
  '1w',
  '1h30m',
  '015m',
  '00s',
  '1e3s',
  '1234567890s',
  '１s',
])('refuses %j', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('what is formatted reads back as the same length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999 }), (n) => {
      expect(parseDuration(formatDuration(seconds(n)))).toBe(seconds(n));
    }),
  );
});

test('formats in the largest unit that is exact', () => {
  expect(formatDuration(seconds(90))).toBe('90s');
  expect(formatDuration(seconds(900))).toBe('15m');
  expect(formatDuration(seconds(7200))).toBe('2h');
  expect(formatDuration(seconds(86_400))).toBe('1d');
  expect(formatDuration(seconds(0))).toBe('0s');
});

test.each([
  [0, '0s'],
  [90_000, '1m 30s'],
  [89_500, '1m 30s'],
  [86_820_000, '1d 7m'],
])('spells %i ms as %s, to the second', (n, spelt) => {
  expect(spellDuration(milliseconds(n))).toBe(spelt);
});

test('adds and multiplies', () => {
  expect(sum()).toBe(0);
  expect(sum(seconds(1), seconds(2), seconds(3))).toBe(seconds(6));
  expect(times(3, seconds(2))).toBe(seconds(6));
  expect(toSeconds(seconds(7))).toBe(7);
  expect(toSeconds(sum(seconds(2), times(0.5, seconds(1))))).toBe(2);
});

test('moves instants, and a negative age is zero', () => {
  const noon = new Date('2026-01-01T12:00:00Z');
  const later = after(noon, seconds(60));
  expect(later.toISOString()).toBe('2026-01-01T12:01:00.000Z');
  expect(before(later, seconds(60))).toEqual(noon);
  expect(elapsed(noon, later)).toBe(seconds(60));
  expect(elapsed(later, noon)).toBe(0);
  expect(earliest(noon, later)).toBe(noon);
  expect(latest(noon, later)).toBe(later);
});
