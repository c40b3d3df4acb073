import { randomBytes } from 'node:crypto';
import { httpRequest, registerAccounts, renew, walkSession } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { type Flooded, startFlood } from '../harness/flood.ts';
import { drive, type Sample } from '../harness/load.ts';
import { type Goal, type Result, sumUp } from '../harness/result.ts';
import { median } from '../harness/statistics.ts';

const CONNECTIONS = 32;
const HASHING_CONNECTIONS = 8;
/** The flood, by what the server can check. */
const TIMES = 10;
const RATE_GOAL = 0.7;
const P99_GOAL = 3;

/**
 * Refreshes beside a flood of wrong passwords, ten times what the server can check, with the limits
 * off: as from so many addresses that no limit holds it. What remains is the queue for hashing.
 */
export async function measureFlood(bench: Bench): Promise<Result> {
  const { server, plan } = bench;
  const wrong = () =>
    httpRequest(server.port, 'POST', '/api/auth/login', {
      body: { email: `${randomBytes(9).toString('hex')}@example.com`, password: 'wrong password' },
    });
  const guesses = Array.from({ length: HASHING_CONNECTIONS }, () => renew(wrong, 401));
  const { rate: capacity } = await drive(server, guesses, plan.hashRun);
  const accounts = await registerAccounts(server.port, CONNECTIONS);
  const exchanges = accounts.map(({ refreshToken }) => walkSession(server.port, refreshToken));
  await drive(server, exchanges, plan.warmUp);

  const quiet: Sample[] = [];
  const flooded: Sample[] = [];
  let last: Flooded = { rate: 0, statuses: new Map() };
  for (let repetition = 0; repetition < plan.repetitions; repetition += 1) {
    quiet.push(await drive(server, exchanges, plan.run));
    const flood = await startFlood(server.port, TIMES * capacity, wrong);
    flooded.push(await drive(server, exchanges, plan.run));
    last = await flood.stop();
  }
  const statuses = [...last.statuses].map(([status, count]) => `${count} × ${status}`);
  return {
    scenario: 'flood',
    rows: [sumUp('refresh', quiet), sumUp('refresh in the flood', flooded)],
    facts: [
      `${CONNECTIONS} connections refresh; ${capacity.toFixed(0)} passwords a second can be checked`,
      `the flood: ${last.rate.toFixed(0)} wrong passwords a second, answered ${statuses.join(', ')}`,
    ],
    goals: goals(quiet, flooded),
  };
}

function goals(quiet: readonly Sample[], flooded: readonly Sample[]): Goal[] {
  const ratio = (pick: (sample: Sample | undefined) => number | undefined): number =>
    median(quiet.map((sample, at) => (pick(flooded[at]) ?? Number.NaN) / (pick(sample) ?? 0)));
  const rate = ratio((sample) => sample?.rate);
  const p99 = ratio((sample) => sample?.p99);
  return [
    {
      text: `flood: refresh keeps at least ${RATE_GOAL} of its rate`,
      value: rate.toFixed(3),
      reached: rate >= RATE_GOAL,
    },
    {
      text: `flood: the p99 of refresh stays under ${P99_GOAL} times that without`,
      value: `${p99.toFixed(2)} times`,
      reached: p99 < P99_GOAL,
    },
  ];
}
