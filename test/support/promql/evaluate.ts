import type { Expression, Matcher } from './parse.ts';

/** Labels, without the metric's name. */
export type Labels = Readonly<Record<string, string>>;

/** What was recorded of one series: times in seconds, ascending. */
export interface Series {
  readonly name: string;
  readonly labels: Labels;
  readonly samples: readonly (readonly [time: number, value: number])[];
}

/** One element of an instant vector. */
export interface Element {
  readonly labels: Labels;
  readonly value: number;
}

type Value = number | readonly Element[];

/** Prometheus looks so far back for a series' latest value, in seconds. */
const LOOKBACK = 300;

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};
const AGGREGATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
  avg: (values) => values.reduce((a, b) => a + b, 0) / values.length,
  count: (values) => values.length,
};

/** Labels as one text: the same for the same labels. */
export const labelKey = (labels: Labels): string => JSON.stringify(Object.entries(labels).sort());

/** Evaluates an expression at an instant, as Prometheus 3 does. */
export function evaluate(expression: Expression, series: readonly Series[], now: number): Value {
  const inner = (one: Expression) => evaluate(one, series, now);
  switch (expression.type) {
    case 'number':
      return expression.value;
    case 'selector':
      return select(expression, series).flatMap(({ labels, samples }) => {
        const last = samples.findLast(([time]) => time <= now && time > now - LOOKBACK);
        return last ? [{ labels, value: last[1] }] : [];
      });
    case 'aggregation': {
      const groups = Map.groupBy(vectorOf(inner(expression.arg)), ({ labels }) =>
        labelKey(only(labels, expression.by)),
      );
      const fold = AGGREGATIONS[expression.name];
      if (!fold) throw new Error(`no aggregation: ${expression.name}`);
      return [...groups.values()].map((group) => ({
        labels: only(group[0]?.labels ?? {}, expression.by),
        value: fold(group.map(({ value }) => value)),
      }));
    }
    case 'binary':
      return combine(expression.operator, inner(expression.left), inner(expression.right));
    case 'call':
      return call(expression.name, expression.args, series, now);
  }
}

function call(
  name: string,
  args: readonly Expression[],
  series: readonly Series[],
  now: number,
): Value {
  const [first, second] = args;
  if (name === 'time') return now;
  if ((name === 'rate' || name === 'increase') && first?.type === 'selector' && first.range) {
    const { range } = first;
    return select(first, series).flatMap(({ labels, samples }) => {
      const grown = increase(samples, now - range, now);
      return grown === undefined
        ? []
        : [{ labels, value: name === 'rate' ? grown / range : grown }];
    });
  }
  if (name === 'histogram_quantile' && first && second) {
    const quantile = evaluate(first, series, now);
    return quantiles(Number(quantile), vectorOf(evaluate(second, series, now)));
  }
  throw new Error(`no function: ${name}`);
}

/** Prometheus' extrapolated increase of a counter, resets made up for. */
function increase(samples: Series['samples'], from: number, to: number): number | undefined {
  const inside = samples.filter(([time]) => time > from && time <= to);
  const [first, last] = [inside[0], inside.at(-1)];
  if (!first || !last || inside.length < 2) return undefined;
  const grown = inside.reduce((sum, [, value], i) => {
    const before = inside[i - 1]?.[1] ?? value;
    return sum + (value < before ? value : value - before);
  }, 0);
  const sampled = last[0] - first[0];
  const step = sampled / (inside.length - 1);
  const beyond = (gap: number) => (gap >= step * 1.1 ? step / 2 : gap);
  const toZero = grown > 0 ? sampled * (first[1] / grown) : Number.POSITIVE_INFINITY;
  const before = Math.min(beyond(first[0] - from), toZero);
  return (grown * (sampled + before + beyond(to - last[0]))) / sampled;
}

function quantiles(quantile: number, buckets: readonly Element[]): Element[] {
  const groups = Map.groupBy(buckets, ({ labels: { le: _, ...rest } }) => labelKey(rest));
  return [...groups.values()].flatMap((group) => {
    const sorted = group
      .map(({ labels, value }) => ({
        bound: Number(labels.le?.replace('+Inf', 'Infinity')),
        value,
      }))
      .sort((a, b) => a.bound - b.bound);
    const total = sorted.at(-1)?.value ?? 0;
    if (sorted.at(-1)?.bound !== Number.POSITIVE_INFINITY || total === 0) return [];
    const { le: _, ...labels } = group[0]?.labels ?? {};
    const rank = quantile * total;
    const at = sorted.findIndex(({ value }) => value >= rank);
    const [lower, upper] = [sorted[at - 1] ?? { bound: 0, value: 0 }, sorted[at]];
    if (!upper) return [];
    if (upper.bound === Number.POSITIVE_INFINITY) return [{ labels, value: lower.bound }];
    const share = (rank - lower.value) / (upper.value - lower.value);
    return [{ labels, value: lower.bound + (upper.bound - lower.bound) * share }];
  });
}

function combine(operator: string, left: Value, right: Value): Value {
  if (operator === 'and' || operator === 'unless') {
    const others = new Set(vectorOf(right).map(({ labels }) => labelKey(labels)));
    const wanted = operator === 'and';
    return vectorOf(left).filter(({ labels }) => others.has(labelKey(labels)) === wanted);
  }
  const calculate = ARITHMETIC[operator];
  const compare = COMPARISONS[operator];
  if (typeof left === 'number' && typeof right === 'number') {
    if (!calculate) throw new Error(`${operator} between numbers`);
    return calculate(left, right);
  }
  const pairs = pair(left, right);
  if (calculate) {
    return pairs.map(({ labels, a, b }) => ({ labels, value: calculate(a, b) }));
  }
  if (!compare) throw new Error(`no operator: ${operator}`);
  return pairs
    .filter(({ a, b }) => compare(a, b))
    .map(({ labels, a, b }) => ({ labels, value: typeof left === 'number' ? b : a }));
}

/** What stands on both sides under the same labels. */
function pair(left: Value, right: Value) {
  if (typeof left === 'number') {
    return vectorOf(right).map(({ labels, value }) => ({ labels, a: left, b: value }));
  }
  if (typeof right === 'number') {
    return left.map(({ labels, value }) => ({ labels, a: value, b: right }));
  }
  const others = new Map(right.map(({ labels, value }) => [labelKey(labels), value]));
  return left.flatMap(({ labels, value }) => {
    const other = others.get(labelKey(labels));
    return other === undefined ? [] : [{ labels, a: value, b: other }];
  });
}

const select = (
  { name, matchers }: { readonly name: string; readonly matchers: readonly Matcher[] },
  series: readonly Series[],
): Series[] =>
  series.filter(
    (one) => one.name === name && matchers.every((matcher) => matches(one.labels, matcher)),
  );

function matches(labels: Labels, { label, operator, value }: Matcher): boolean {
  const found = labels[label] ?? '';
  const same = operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(found) : found === value;
  return operator.startsWith('!') ? !same : same;
}

const only = (labels: Labels, names: readonly string[]): Labels =>
  Object.fromEntries(Object.entries(labels).filter(([name]) => names.includes(name)));

function vectorOf(value: Value): readonly Element[] {
  if (typeof value === 'number') throw new Error('a number where a vector has to be');
  return value;
}
