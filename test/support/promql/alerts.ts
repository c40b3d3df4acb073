import { type Element, evaluate, type Labels, labelKey, type Series } from './evaluate.ts';
import { parsePromql, secondsOf } from './parse.ts';

/** An alert rule, as Prometheus' files have it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Labels;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Seconds between two looks at the rules, and between two values of a recorded series. */
export const MINUTE = 60;

/** The labels under which an alert fires at an instant, after looking each minute until then. */
export function firing(rule: AlertRule, series: readonly Series[], at: number): Labels[] {
  const expression = parsePromql(rule.expr);
  const patience = rule.for ? secondsOf(rule.for) : 0;
  let since = new Map<string, number>();
  let found: readonly Element[] = [];
  for (let now = 0; now <= at; now += MINUTE) {
    const value = evaluate(expression, series, now);
    if (typeof value === 'number') throw new Error(`${rule.alert} is a number`);
    found = value;
    const before = since;
    since = new Map(
      found.map(({ labels }) => [labelKey(labels), before.get(labelKey(labels)) ?? now]),
    );
  }
  return found
    .filter(({ labels }) => at - (since.get(labelKey(labels)) ?? at) >= patience)
    .map(({ labels }) => ({ ...labels, ...rule.labels }));
}

/** A series in promtool's notation: `{}` labels and `0+10x5 _ 3x2`, one value a minute. */
export function recorded(name: string, values: string): Series {
  const [, metric = '', inside = ''] = /^([\w:]+)(?:\{(.*)\})?$/.exec(name) ?? [];
  const labels = Object.fromEntries(
    [...inside.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
  );
  const expanded = values.trim().split(/\s+/).flatMap(expand);
  const samples = expanded.flatMap((value, i) =>
    value === undefined ? [] : [[i * MINUTE, value] as const],
  );
  return { name: metric, labels, samples };
}

function expand(text: string): (number | undefined)[] {
  if (text === '_') return [undefined];
  const [, start, step = '+0', times = '0'] =
    /^(-?[\d.]+)([-+][\d.]+)?(?:x(\d+))?$/.exec(text) ?? [];
  if (start === undefined) throw new Error(`no values: ${text}`);
  return Array.from({ length: Number(times) + 1 }, (_, i) => Number(start) + i * Number(step));
}
