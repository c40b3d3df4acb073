import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type AlertRule, firing, recorded } from '../support/promql/alerts.ts';
import { evaluate } from '../support/promql/evaluate.ts';
import { parsePromql, secondsOf, selectorsOf } from '../support/promql/parse.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => parse(readFileSync(join(root, path), 'utf8'));

interface Case {
  readonly name: string;
  readonly input_series: readonly { readonly series: string; readonly values: string }[];
  readonly alert_rule_test: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts: readonly { readonly exp_labels: Record<string, string> }[];
  }[];
}

const rules: AlertRule[] = read('examples/monitoring/alerts.yml').groups.flatMap(
  (group: { rules: AlertRule[] }) => group.rules,
);
const cases: Case[] = read('test/support/alert-series.yml').tests;
const namesIn = (expr: string) => new Set(selectorsOf(parsePromql(expr)).map(({ name }) => name));

describe('the alert rules', () => {
  test.each(cases)('$name', ({ input_series, alert_rule_test }) => {
    const series = input_series.map(({ series, values }) => recorded(series, values));
    for (const { eval_time, alertname, exp_alerts } of alert_rule_test) {
      const rule = rules.find(({ alert }) => alert === alertname);
      if (!rule) throw new Error(`no rule ${alertname}`);
      // A rule that looks at nothing keeps quiet whatever happens.
      const present = new Set(series.map(({ name }) => name));
      expect([...namesIn(rule.expr)].filter((name) => !present.has(name))).toEqual([]);
      expect(firing(rule, series, secondsOf(eval_time))).toEqual(
        exp_alerts.map(({ exp_labels }) => exp_labels),
      );
    }
  });

  test.each(rules)(
    '$alert is tried on bad series and on good ones, and says what to do',
    (rule) => {
      const own = cases.flatMap(({ alert_rule_test }) =>
        alert_rule_test.filter(({ alertname }) => alertname === rule.alert),
      );
      expect(own.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
      expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
      expect(['page', 'ticket']).toContain(rule.labels?.severity);
      expect(rule.annotations).toEqual({ summary: expect.any(String), action: expect.any(String) });
    },
  );
});

describe('what evaluates them', () => {
  const at = (expr: string, now: number, ...series: [string, string][]) =>
    evaluate(
      parsePromql(expr),
      series.map(([name, values]) => recorded(name, values)),
      now,
    );
  const one = (value: number) => [{ labels: {}, value: expect.closeTo(value, 6) }];

  // Expected values by Prometheus' own definition of rate and increase.
  test.each([
    ['increase(c[5m])', 600, 'c', '0+10x20', 50],
    ['rate(c[5m])', 600, 'c', '0+60x20', 1],
    // A counter that starts anew counts on from there.
    ['increase(c[5m])', 600, 'c', '0+10x7 0+10x10', 37.5],
    // It began inside the range: not extrapolated below zero.
    ['increase(c[10m])', 300, 'c', '0+10x20', 50],
    ['sum(c)', 60, 'c', '1 2', 2],
    ['2 + 3 * c', 60, 'c', '1 2', 8],
    ['(2 + 3) * c', 60, 'c', '1 2', 10],
    ['time() - c', 120, 'c', '100x5', 20],
    ['c > 1 and c < 3', 60, 'c', '1 2', 2],
  ] as const)('%s at %d s', (expr, now, name, values, expected) => {
    expect(at(expr, now, [name, values])).toEqual(one(expected));
  });

  test.each([
    ['c > 2', 'c', '1 2'],
    ['c{a="x"}', 'c{a="y"}', '1 2'],
    ['c{a!~"x|y"}', 'c{a="y"}', '1 2'],
    // A single value has no rate, and one of long ago is none.
    ['rate(c[5m])', 'c', '_ 7'],
    ['c', 'c', '1'],
  ] as const)('%s finds nothing', (expr, name, values) => {
    expect(at(expr, values === '1' ? 301 : 60, [name, values])).toEqual([]);
  });

  test('quantiles are read between the bounds of buckets', () => {
    const buckets: [string, string][] = [
      ['h{le="1"}', '50'],
      ['h{le="2"}', '90'],
      ['h{le="+Inf"}', '100'],
    ];
    expect(at('histogram_quantile(0.5, h)', 0, ...buckets)).toEqual(one(1));
    expect(at('histogram_quantile(0.7, h)', 0, ...buckets)).toEqual(one(1.5));
    expect(at('histogram_quantile(0.99, h)', 0, ...buckets)).toEqual(one(2));
  });

  test.each(['c{', 'sum(', 'c @ 5', 'c > 1 2', 'abs(c)', 'c offset 5m'])('%s throws', (expr) => {
    expect(() => at(expr, 0, ['c', '1'])).toThrow();
  });
});
