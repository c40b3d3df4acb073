import { httpRequest, registerAccounts, repeat, walkSession } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { shareCores } from '../harness/cores.ts';
import { startDatabase } from '../harness/database.ts';
import { drive, type Exchange, type Sample } from '../harness/load.ts';
import { type Goal, type Result, type Row, sumUp } from '../harness/result.ts';
import { type Server, startServer } from '../harness/server.ts';
import { median } from '../harness/statistics.ts';
import { family, residentMib } from '../harness/usage.ts';

const WORKERS = 2;
const CONNECTIONS = { login: 8, others: 32 };
const CALLS = ['login', 'refresh', 'me'] as const;

type Asked = Readonly<Record<(typeof CALLS)[number], readonly Exchange[]>>;

/**
 * Two workers beside one, in turn, with all cores for everything: the driver and PostgreSQL take
 * their part of them, so that the ratio is what the workers bring where nothing is set apart.
 */
export async function measureWorkers(bench: Bench): Promise<Result> {
  const { options, plan } = bench;
  using shared = shareCores(bench.cores);
  const { cores } = shared;
  // That of the other scenarios stays where it was started.
  await using database = await startDatabase(options.fsync);
  const start = async (workers: number): Promise<Server> =>
    startServer({ cores, options }, await database.create(), undefined, {
      WORKERS: String(workers),
    });
  await using one = await start(1);
  await using many = await start(WORKERS);
  const crew = { ...many, pids: () => family(many.pid) };
  const [askOne, askMany] = [await prepare(one.port), await prepare(many.port)];

  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const call of CALLS) {
    const run = call === 'login' ? plan.hashRun : plan.run;
    const samples: { readonly one: Sample; readonly many: Sample }[] = [];
    await drive(one, askOne[call], plan.warmUp);
    await drive(crew, askMany[call], plan.warmUp);
    while (samples.length < plan.repetitions) {
      const alone = await drive(one, askOne[call], run);
      samples.push({ one: alone, many: await drive(crew, askMany[call], run) });
    }
    const ratio = median(samples.map((pair) => pair.many.rate / pair.one.rate));
    rows.push(
      sumUp(
        `${call}, ${WORKERS} workers`,
        samples.map((pair) => pair.many),
        { residentMib: sumOf(crew.pids().map(residentMib)) },
      ),
      sumUp(
        `${call}, one worker`,
        samples.map((pair) => pair.one),
        { ratio, residentMib: residentMib(one.pid) },
      ),
    );
    goals.push({
      text: `workers: more of ${call} with ${WORKERS} than with one`,
      value: `${ratio.toFixed(2)} times`,
      reached: ratio > 1,
    });
  }
  return {
    scenario: 'workers',
    rows,
    facts: [
      `${cores.note}; CPU counts all processes of the server, in cores`,
      `${CONNECTIONS.login} connections for login, ${CONNECTIONS.others} for the others`,
    ],
    goals,
  };
}

async function prepare(port: number): Promise<Asked> {
  const accounts = await registerAccounts(port, CONNECTIONS.others);
  return {
    login: accounts.slice(0, CONNECTIONS.login).map(({ email, password }) => {
      const body = { email, password };
      return repeat(httpRequest(port, 'POST', '/api/auth/login', { body }), 200);
    }),
    refresh: accounts.map(({ refreshToken }) => walkSession(port, refreshToken)),
    me: accounts.map(({ accessToken: bearer }) =>
      repeat(httpRequest(port, 'GET', '/api/auth/me', { bearer }), 200),
    ),
  };
}

const sumOf = (figures: readonly (number | undefined)[]): number =>
  figures.reduce<number>((sum, figure) => sum + (figure ?? 0), 0);
