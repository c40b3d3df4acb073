import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDurations } from '../../src/metrics/durations.ts';

const response = fc.record({
  method: fc.constantFrom('GET', 'POST'),
  route: fc.constantFrom('/a', '/b/:id', null),
  status: fc.constantFrom(200, 204, 304, 404, 499, 500, 503),
  // Bounds of buckets too, which are inclusive.
  seconds: fc.oneof(
    fc.double({ min: 0, max: 20, noNaN: true }),
    fc.constantFrom(0, 0.001, 0.005, 1, 10),
  ),
});

test('durations are counted into the buckets that hold them', () => {
  fc.assert(
    fc.property(fc.array(response), (responses) => {
      const durations = createDurations();
      for (const one of responses) durations.add(one);
      const values = durations.values('d');
      const matching = (labels: Readonly<Record<string, string | number>>) =>
        responses.filter(
          ({ method, route, status }) =>
            method === labels.method &&
            (route ?? 'none') === labels.route &&
            `${Math.floor(status / 100)}xx` === labels.status,
        );
      for (const { metricName, labels, value } of values) {
        const own = matching(labels).map(({ seconds }) => seconds);
        if (metricName === 'd_sum') {
          expect(value).toBeCloseTo(own.reduce((sum, seconds) => sum + seconds, 0));
          continue;
        }
        const bound = labels.le === undefined || labels.le === '+Inf' ? Infinity : labels.le;
        expect(value).toBe(own.filter((seconds) => seconds <= Number(bound)).length);
      }
      const counted = values.filter(({ metricName }) => metricName === 'd_count');
      expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(responses.length);
    }),
  );
});
