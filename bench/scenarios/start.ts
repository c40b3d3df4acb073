import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../harness/bench.ts';
import type { Result } from '../harness/result.ts';
import { startServer } from '../harness/server.ts';
import { type Spread, spread } from '../harness/statistics.ts';

/** No start may take longer, in milliseconds. */
const GOAL = 1000;

/** From the spawn of the server to its first 200 on /readyz, on an empty and on a used database. */
export async function measureStart(bench: Bench): Promise<Result> {
  const first: number[] = [];
  const later: number[] = [];
  for (let repetition = 0; repetition < bench.plan.repetitions; repetition += 1) {
    const url = await bench.database.create();
    const home = await mkdtemp(join(tmpdir(), 'keyturn-bench-server-'));
    try {
      for (const times of [first, later]) {
        await using server = await startServer(bench, url, home);
        times.push(server.startMillis);
      }
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  }
  const usual = spread(later);
  return {
    scenario: 'start',
    rows: [],
    facts: [
      `ready after ${describe(usual)} on a database already migrated`,
      `ready after ${describe(spread(first))} on an empty one (migrations, two new keys)`,
    ],
    goals: [
      {
        text: `start: ready in under ${GOAL} ms`,
        value: `${usual.median.toFixed(0)} ms`,
        reached: usual.median < GOAL,
      },
    ],
  };
}

const describe = ({ min, median, max }: Spread): string =>
  `${median.toFixed(0)} ms (${min.toFixed(0)} to ${max.toFixed(0)})`;
