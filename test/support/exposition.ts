import type { Labels, Series } from './promql/evaluate.ts';

/** What a scrape brought. */
export interface Exposition {
  /** Every metric by name, with its type. */
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Labels;
    readonly value: number;
  }[];
  /** The value of the one series that has these labels, and maybe more; undefined without any. */
  value(name: string, labels?: Labels): number | undefined;
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus' text format. Throws on a line that is none of it. */
export function readExposition(text: string): Exposition {
  const lines = text.split('\n').filter((line) => line !== '');
  const types = new Map<string, string>();
  const samples: Exposition['samples'][number][] = [];
  for (const line of lines) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (typed && type) types.set(typed, type);
    if (line.startsWith('#')) continue;
    const [, name, inside = '', value] = SAMPLE.exec(line) ?? [];
    if (!name || !value) throw new Error(`no sample: ${line}`);
    const pairs = [...inside.matchAll(LABEL)].map(([, label = '', text = '']) => [label, text]);
    samples.push({
      name,
      labels: Object.fromEntries(pairs),
      value: Number(value.replace('+', '')),
    });
  }
  return {
    types,
    samples,
    value(name, labels = {}) {
      const wanted = Object.entries(labels);
      const found = samples.filter(
        (sample) =>
          sample.name === name && wanted.every(([label, text]) => sample.labels[label] === text),
      );
      if (found.length > 1) throw new Error(`${found.length} series of ${name}`);
      return found[0]?.value;
    },
  };
}

/** A scrape as series that stay as they are for so many minutes. */
export const unchanging = ({ samples }: Exposition, minutes: number): Series[] =>
  samples.map(({ name, labels, value }) => ({
    name,
    labels: { job: 'keyturn', instance: 'a', ...labels },
    samples: Array.from({ length: minutes + 1 }, (_, i) => [i * 60, value] as const),
  }));
