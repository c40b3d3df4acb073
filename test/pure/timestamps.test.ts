import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { parseTimestamp } from '../../src/db/timestamps.ts';

const byDriver: (text: string) => Date | number = pg.types.getTypeParser(
  pg.types.builtins.TIMESTAMPTZ,
);

describe('a timestamptz is read as the driver reads it', () => {
  test.each([
    '2026-01-01 00:00:00+00',
    '2024-02-29 23:59:59.9+00',
    '2000-02-29 12:00:00.12+00',
    '2100-03-01 00:00:00.123+00',
    '1969-12-31 23:59:59.999999+00',
    '1000-01-01 00:00:00.0001+00',
    '0099-01-01 00:00:00+00',
    '10000-01-01 00:00:00+00',
    '2026-01-01 00:00:00+00 BC',
    '2026-01-01 00:00:00.5+05:30',
    '2026-01-01 00:00:00-03',
    '1890-01-01 00:00:00+00:53:28',
    'infinity',
    '-infinity',
  ])('%s', (text) => {
    expect(Number(parseTimestamp(text))).toBe(Number(byDriver(text)));
  });

  test('at any instant, with a fraction of any length', () => {
    const from = Date.UTC(1000, 0);
    const to = Date.UTC(9999, 11, 31);
    const micros = fc.array(fc.constantFrom(...'0123456789'), { maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: from, max: to }), micros, (instant, digits) => {
        const text = new Date(instant).toISOString().slice(0, 19).replace('T', ' ');
        const fraction = digits.length > 0 ? `.${digits.join('')}` : '';
        const written = `${text}${fraction}+00`;
        expect(parseTimestamp(written)).toEqual(byDriver(written));
      }),
      { numRuns: 5_000 },
    );
  });
});
