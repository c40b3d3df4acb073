import type { Bench } from './bench.ts';
import { drive, type Exchange, type Sample } from './load.ts';
import { type Row, sumUp } from './result.ts';
import { median } from './statistics.ts';
import { residentMib } from './usage.ts';

/** Something else that is measured beside the server, on the same core. */
export interface Limit {
  readonly name: string;
  measure(milliseconds: number): Promise<Sample>;
}

/**
 * Measures the server and its limits in turn, over and over, so that a drift of the machine meets
 * them alike. The first row is the server's, the others are the limits', in their order.
 */
export async function compare(
  { plan, server }: Bench,
  exchanges: readonly Exchange[],
  limits: readonly Limit[] = [],
  run: number = plan.run,
): Promise<Row[]> {
  const warmUp = Math.min(plan.warmUp, run);
  for (const limit of limits) await limit.measure(warmUp);
  await drive(server, exchanges, warmUp);

  const real: Sample[] = [];
  const raw = limits.map((): Sample[] => []);
  for (let repetition = 0; repetition < plan.repetitions; repetition += 1) {
    for (const [index, limit] of limits.entries()) raw[index]?.push(await limit.measure(run));
    real.push(await drive(server, exchanges, run));
  }
  return [
    sumUp('server', real, { residentMib: residentMib(server.pid) }),
    ...limits.map(({ name }, index) => {
      const samples = raw[index] ?? [];
      const ratios = samples.map(({ rate }, at) => (real[at]?.rate ?? Number.NaN) / rate);
      const cpuRatios = samples.map((sample, at) => capacity(real[at]) / capacity(sample));
      return sumUp(name, samples, { ratio: median(ratios), cpuRatio: median(cpuRatios) });
    }),
  ];
}

/** What a core could do a second, by the processor time that was used; else what was done. */
const capacity = (sample: Sample | undefined): number =>
  sample?.cpuMicros ? 1_000_000 / sample.cpuMicros : (sample?.rate ?? Number.NaN);
