import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { AlertRule } from '../support/promql/alerts.ts';
import { type Expression, parsePromql } from '../support/promql/parse.ts';

const root = join(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

const dashboard: {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
} = JSON.parse(text('examples/monitoring/dashboard.json'));
const graphs = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = graphs.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target })),
);
const rules: AlertRule[] = parse(text('examples/monitoring/alerts.yml')).groups.flatMap(
  (group: { rules: AlertRule[] }) => group.rules,
);

/** Labels that the collector gives to every series. */
const COLLECTED = ['job', 'instance'];

/** The labels of each metric, by the page that says so; a test of the server holds that to it. */
const documented = new Map(
  [...text('docs/metrics.md').matchAll(/^\| `(keyturn_\w+)` \| (\w+) \| (.*?) ?\|/gm)].map(
    ([, name = '', type, labels = '']) => [
      name,
      [...labels.matchAll(/`(\w+)`/g)]
        .map(([, label]) => label ?? '')
        .concat(type === 'histogram' ? ['le'] : []),
    ],
  ),
);

const labelsOf = (name: string): readonly string[] => [
  ...COLLECTED,
  ...(documented.get(name.replace(/_(bucket|count|sum)$/, '')) ?? []),
];

/** What an expression's series can be told apart by; complains of labels that nothing has. */
function labelsIn(expression: Expression, complain: (label: string) => void): readonly string[] {
  switch (expression.type) {
    case 'number':
      return [];
    case 'selector': {
      const labels = labelsOf(expression.name);
      for (const { label } of expression.matchers) if (!labels.includes(label)) complain(label);
      return labels;
    }
    case 'call':
      return expression.args.flatMap((arg) => labelsIn(arg, complain));
    case 'aggregation': {
      const labels = labelsIn(expression.arg, complain);
      for (const label of expression.by) if (!labels.includes(label)) complain(label);
      return expression.by;
    }
    case 'binary':
      return [expression.left, expression.right].flatMap((side) => labelsIn(side, complain));
  }
}

/** The labels that an expression or the words beside it name, and that are not there. */
function missingLabels(expr: string, words: string): string[] {
  const missing: string[] = [];
  const labels = labelsIn(parsePromql(expr.replaceAll('$__rate_interval', '5m')), (label) =>
    missing.push(label),
  );
  const named = [...words.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(
    ([, label]) => label ?? '',
  );
  return [...missing, ...named.filter((label) => !labels.includes(label))];
}

describe('the dashboard', () => {
  test.each(targets)('$title: $expr names labels that there are', ({ expr, legendFormat }) => {
    expect(missingLabels(expr, legendFormat)).toEqual([]);
    expect(expr).toContain('job="$job"');
  });

  test('names variables that it has, its data source among them', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const given = new Set([...names, '__rate_interval']);
    const used = [...text('examples/monitoring/dashboard.json').matchAll(/\$\{?(\w+)\}?/g)];
    expect(used.map(([, name]) => name ?? '').filter((name) => !given.has(name))).toEqual([]);
    for (const { title, datasource } of graphs) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana's own template.
      expect(datasource, title).toEqual({ type: 'prometheus', uid: '${datasource}' });
    }
  });

  test('has panels with an id, a title and a place each, none above another', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(title).not.toBe('');
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x} ${y}`), title).toBeUndefined();
          taken.set(`${x} ${y}`, title);
        }
      }
    }
    for (const { title, targets = [] } of graphs) {
      expect(targets.length, title).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    }
  });
});

describe('the alert rules', () => {
  test.each(rules)('$alert names labels that there are', ({ expr, annotations }) => {
    expect(missingLabels(expr, Object.values(annotations ?? {}).join(' '))).toEqual([]);
  });
});

test('a label that no series has is noticed', () => {
  const refreshes = 'keyturn_refreshes_total{job="keyturn"}';
  expect(missingLabels(`sum by (result) (${refreshes})`, '{{result}}')).toEqual([]);
  expect(missingLabels(`sum by (outcome) (${refreshes})`, '')).toEqual(['outcome']);
  expect(missingLabels(`sum(${refreshes})`, '{{ $labels.instance }}')).toEqual(['instance']);
  expect(missingLabels('keyturn_can_sign{state="next"}', '')).toEqual(['state']);
});
