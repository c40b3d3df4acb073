import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isUuid, newUuid } from '../../src/kit/id.ts';

/** Instants that a clock shows one after another: many within a millisecond. */
const instants = fc
  .array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 200 })
  .map((steps) => steps.map((step, i) => steps.slice(0, i).reduce((a, b) => a + b, step)))
  .chain((offsets) =>
    fc
      .integer({ min: 0, max: 2 ** 47 })
      .map((start) => offsets.map((offset) => new Date(start + offset))),
  );

test('ids that are made one after another are in that order, within a millisecond too', () => {
  fc.assert(
    fc.property(instants, (times) => {
      const ids = times.map(newUuid);
      expect(ids).toEqual([...new Set(ids)].sort());
    }),
  );
});

test('each is a UUID of version 7 and says its millisecond, also where a clock was set back', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 48 - 1 }), { minLength: 1 }), (times) => {
      for (const time of times) {
        const id = newUuid(new Date(time));
        expect(isUuid(id)).toBe(true);
        expect(id).toMatch(/^.{14}7.{4}[89ab]/);
        expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(time);
      }
    }),
  );
});

test('ten thousand of one millisecond are different, and in order', () => {
  const now = new Date('2026-01-01T00:00:00Z');
  let last = newUuid(now);
  for (let i = 0; i < 10_000; i++) {
    const id = newUuid(now);
    if (id <= last) throw new Error(`${id} came after ${last}`);
    last = id;
  }
  expect(last.slice(0, 13)).toBe('019b76da-a800');
});
