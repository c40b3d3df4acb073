import { registerAccounts, walkSession } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { drive, type Sample } from '../harness/load.ts';
import { type Goal, type Result, sumUp } from '../harness/result.ts';
import { slope } from '../harness/statistics.ts';
import { residentMib } from '../harness/usage.ts';

const SESSIONS = 100;
const STRETCHES = 10;
/** The server's memory after all load, in MiB. */
const MEMORY_GOAL = 150;
/** A leak of 20 bytes a refresh at 2,000 refreshes a second would show as more, in MiB a minute. */
const FLAT = 2;

interface Moment {
  readonly minutes: number;
  readonly refreshes: number;
  readonly memory: number | undefined;
  readonly bytes: number;
}

/** A long walk of a hundred sessions: does the memory, or the table, grow? */
export async function measureSoak(bench: Bench): Promise<Result> {
  const { server, plan } = bench;
  const accounts = await registerAccounts(server.port, SESSIONS);
  const exchanges = accounts.map(({ refreshToken }) => walkSession(server.port, refreshToken));
  const samples: Sample[] = [];
  const moments: Moment[] = [];
  const started = performance.now();
  let refreshes = 0;
  for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
    const sample = await drive(server, exchanges, plan.soakRun);
    samples.push(sample);
    refreshes += Math.round((sample.rate * plan.soakRun) / 1000);
    const minutes = (performance.now() - started) / 60_000;
    const memory = residentMib(server.pid);
    moments.push({ minutes, refreshes, memory, bytes: await tableBytes(bench) });
  }
  return {
    scenario: 'soak',
    rows: [sumUp('server', samples, { residentMib: moments.at(-1)?.memory })],
    facts: [
      `${refreshes.toLocaleString('en-US')} refreshes of ${SESSIONS} sessions`,
      `RSS in MiB after each tenth: ${moments.map(({ memory }) => memory?.toFixed(0) ?? '–').join(' ')}`,
      `sessions with its indexes, in KiB: ${moments.map(({ bytes }) => bytes / 1024).join(' ')}`,
      await updates(bench),
    ],
    goals: [...memoryGoals(moments), storageGoal(moments)],
  };
}

function memoryGoals(moments: readonly Moment[]): Goal[] {
  const points = moments
    .slice(moments.length / 2)
    .flatMap(({ minutes, memory }) => (memory === undefined ? [] : [[minutes, memory] as const]));
  const last = points.at(-1)?.[1];
  if (last === undefined) return [];
  const growth = slope(points);
  return [
    {
      text: `memory: under ${MEMORY_GOAL} MiB after the load`,
      value: `${last.toFixed(0)} MiB`,
      reached: last < MEMORY_GOAL,
    },
    {
      text: `memory: flat, growing by less than ${FLAT} MiB a minute in the second half`,
      value: `${growth.toFixed(2)} MiB a minute`,
      reached: growth < FLAT,
    },
  ];
}

function storageGoal(moments: readonly Moment[]): Goal {
  const [early, late] = [moments[moments.length / 2 - 1], moments.at(-1)];
  const growth = (late?.bytes ?? Number.NaN) - (early?.bytes ?? Number.NaN);
  const between = (late?.refreshes ?? 0) - (early?.refreshes ?? 0);
  return {
    text: 'storage: sessions does not grow with refreshes',
    value: `${growth} bytes in the last ${between.toLocaleString('en-US')}`,
    reached: growth <= 0,
  };
}

async function tableBytes({ database, databaseUrl }: Bench): Promise<number> {
  const size = `select pg_total_relation_size('sessions')::int as bytes`;
  const [row] = await database.query<{ bytes: number }>(databaseUrl, size);
  return row?.bytes ?? Number.NaN;
}

async function updates({ database, databaseUrl }: Bench): Promise<string> {
  const [row] = await database.query<{ updates: number; hot: number }>(
    databaseUrl,
    `select n_tup_upd::int as updates, n_tup_hot_upd::int as hot
      from pg_stat_user_tables where relname = 'sessions'`,
  );
  const { updates: all = 0, hot = 0 } = row ?? {};
  const share = (100 * hot) / all;
  return `${share.toFixed(1)} % of ${all.toLocaleString('en-US')} UPDATEs of sessions touched no index (HOT)`;
}
