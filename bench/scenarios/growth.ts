import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walkSessions } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { drive, type Exchange, type Sample } from '../harness/load.ts';
import { fillSessions, firstTokens } from '../harness/many-sessions.ts';
import { type Result, type Row, sumUp } from '../harness/result.ts';
import { type Server, startServer } from '../harness/server.ts';
import { median } from '../harness/statistics.ts';
import { residentMib } from '../harness/usage.ts';

const SIZES = [1_000, 100_000, 5_000_000];
/** To see that the scenario works. */
const QUICK_SIZES = [1_000, 10_000, 100_000];
const CONNECTIONS = 32;
/** At the middle size. */
const CONNECTION_COUNTS = [8, 32, 256, 1_000];
/** So many sessions, drawn from all, are refreshed in turn: their pages are not all in a cache. */
const DRAWN = 50_000;
const GOAL = 0.9;
const MIB = 1024 * 1024;

/** A server with many sessions behind it. */
interface Grown {
  readonly size: number;
  readonly server: Server;
  /** The current refresh tokens of the sessions that are walked. */
  readonly tokens: string[];
  readonly tableMib: number;
}

/** Refreshes as the table grows, and as the connections do. */
export async function measureGrowth(bench: Bench): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  const grown: Grown[] = [];
  for (const size of bench.plan.quick ? QUICK_SIZES : SIZES) {
    grown.push(await grow(bench, size, stack));
  }
  const bySize = await inTurn(
    bench,
    grown.map((each) => ({ ...each, exchanges: walk(each, CONNECTIONS) })),
  );
  const middle = grown[1] as Grown;
  const refused: string[] = [];
  const byConnections: Row[] = [];
  for (const count of CONNECTION_COUNTS) {
    const name = `${number(count)} connections`;
    try {
      const [samples] = await inTurn(bench, [{ ...middle, exchanges: walk(middle, count) }]);
      byConnections.push(sumUp(name, samples ?? []));
    } catch (error) {
      // Who would have to wait for seconds is refused instead: a machine that is too slow for so many.
      refused.push(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const ratios = bySize.map((samples) =>
    median(samples.map(({ rate }, at) => rate / (bySize[0]?.[at]?.rate ?? Number.NaN))),
  );
  const worst = Math.min(...ratios);
  return {
    scenario: 'growth',
    rows: [
      ...grown.map(({ size, server }, at) =>
        sumUp(`${number(size)} sessions`, bySize[at] ?? [], {
          residentMib: residentMib(server.pid),
          ...(at > 0 && { ratio: ratios[at] ?? Number.NaN }),
        }),
      ),
      ...byConnections,
    ],
    facts: [
      `refreshes of up to ${number(DRAWN)} sessions drawn from all, each with a user of its own, on ${CONNECTIONS} connections; the ratio is to the first row`,
      `by connections: of ${number(middle.size)} sessions`,
      ...refused,
      ...grown.map(
        ({ size, tableMib }) =>
          `${number(size)} sessions and as many users with all indexes: ${number(tableMib)} MiB`,
      ),
    ],
    goals: [
      {
        text: `growth: refresh at least ${GOAL} of that with ${number(SIZES[0] ?? 0)} sessions`,
        value: worst.toFixed(3),
        reached: worst >= GOAL,
      },
    ],
  };
}

async function grow(bench: Bench, size: number, stack: AsyncDisposableStack): Promise<Grown> {
  const { database } = bench;
  const url = await database.create();
  const home = await mkdtemp(join(tmpdir(), 'keyturn-bench-growth-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const server = stack.use(await startServer(bench, url, home));
  await fillSessions(database, url, size);
  const tokenOf = await firstTokens(database, url, home);
  const [row] = await database.query<{ bytes: string }>(
    url,
    `select (pg_total_relation_size('sessions') + pg_total_relation_size('users'))::text as bytes`,
  );
  const tableMib = Math.ceil(Number(row?.bytes) / MIB);
  return { size, server, tokens: draw(size).map(tokenOf), tableMib };
}

/** Different numbers from 1 on, in no order. */
function draw(size: number): number[] {
  const drawn = new Set<number>();
  if (size <= DRAWN) return Array.from({ length: size }, (_, index) => index + 1);
  while (drawn.size < DRAWN) drawn.add(1 + randomInt(size));
  return [...drawn];
}

/** Each connection has sessions of its own, and walks them in turn. */
function walk({ server, tokens }: Grown, connections: number): Exchange[] {
  return Array.from({ length: connections }, (_, index) =>
    walkSessions(server.port, tokens, { first: index, step: connections }),
  );
}

async function inTurn(
  { plan }: Bench,
  subjects: readonly { readonly server: Server; readonly exchanges: readonly Exchange[] }[],
): Promise<Sample[][]> {
  const samples = subjects.map((): Sample[] => []);
  for (const { server, exchanges } of subjects) await drive(server, exchanges, plan.warmUp);
  for (let repetition = 0; repetition < plan.repetitions; repetition += 1) {
    for (const [at, { server, exchanges }] of subjects.entries()) {
      samples[at]?.push(await drive(server, exchanges, plan.run));
    }
  }
  return samples;
}

const number = (figure: number): string => figure.toLocaleString('en-US');
