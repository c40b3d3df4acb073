import type { Sample } from './load.ts';
import { median, type Spread, spread } from './statistics.ts';

/** One line of the table: a subject over all its repetitions. */
export interface Row {
  readonly subject: string;
  readonly rate: Spread;
  /** Medians of the repetitions; undefined where it cannot be known. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly cpuMicros: number | undefined;
  readonly cpuShare: number | undefined;
  readonly othersShare: number | undefined;
  readonly residentMib: number | undefined;
  /** The server's rate by this one's: the median over pairs measured one after the other. */
  readonly ratio: number | undefined;
  /** The same by the processor time that both took: right also when neither was at its limit. */
  readonly cpuRatio: number | undefined;
}

/** What was to be reached. */
export interface Goal {
  readonly text: string;
  readonly value: string;
  readonly reached: boolean;
}

/** What a scenario found. */
export interface Result {
  readonly scenario: string;
  readonly rows: readonly Row[];
  /** A table of its own: the head, and the lines below. */
  readonly table?: readonly (readonly string[])[];
  readonly facts: readonly string[];
  readonly goals: readonly Goal[];
}

/** Sums up one subject's samples. */
export function sumUp(
  subject: string,
  samples: readonly Sample[],
  more: Partial<Pick<Row, 'residentMib' | 'ratio' | 'cpuRatio'>> = {},
): Row {
  const middle = (pick: (sample: Sample) => number | undefined): number | undefined => {
    const figures = samples.map(pick).filter((figure) => figure !== undefined);
    return figures.length === 0 ? undefined : median(figures);
  };
  return {
    subject,
    rate: spread(samples.map(({ rate }) => rate)),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    cpuMicros: middle(({ cpuMicros }) => cpuMicros),
    cpuShare: middle(({ cpuShare }) => cpuShare),
    othersShare: middle(({ othersShare }) => othersShare),
    residentMib: more.residentMib,
    ratio: more.ratio,
    cpuRatio: more.cpuRatio,
  };
}

/** Below this share of its core, something else than the server held a measurement up. */
const AT_ITS_LIMIT = 0.9;

/**
 * A goal for the ratio of the first row, the server's, to the second. Judged by the rates where both
 * were at their limit; by processor time where the driver or the disk was, which would
 * otherwise make any two look alike.
 */
export function ratioGoal(scenario: string, [server, limit]: readonly Row[], least: number): Goal {
  const slack = [server, limit].some((row) => (row?.cpuShare ?? 1) < AT_ITS_LIMIT);
  const { ratio, cpuRatio } = limit ?? {};
  const judged = slack ? (cpuRatio ?? ratio) : ratio;
  const byCpu = `${cpuRatio?.toFixed(3)} by CPU time`;
  return {
    text: `${scenario}: at least ${least.toFixed(2)} of ${limit?.subject}`,
    value: slack
      ? `${byCpu}, since a core was not used up (${ratio?.toFixed(3)} by rps)`
      : `${ratio?.toFixed(3)} (${byCpu})`,
    reached: judged !== undefined && judged >= least,
  };
}
