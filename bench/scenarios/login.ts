import { availableParallelism } from 'node:os';
import { httpRequest, registerAccounts, repeat } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { compare } from '../harness/compare.ts';
import { startLimit } from '../harness/limit-process.ts';
import { type Result, ratioGoal } from '../harness/result.ts';
import { ARGON2 } from '../harness/server.ts';
import type { HashResult } from '../limits/hash.ts';

const CONNECTIONS = 8;

/** Logins, beside the hash alone on as many threads as the server has cores. */
export async function measureLogin(bench: Bench): Promise<Result> {
  const { server, cores, plan } = bench;
  const inFlight = cores.server === undefined ? availableParallelism() : 1;
  await using hash = startLimit(cores, 'hash.ts', { UV_THREADPOOL_SIZE: String(inFlight) });
  const accounts = await registerAccounts(server.port, CONNECTIONS);
  const exchanges = accounts.map(({ email, password }) =>
    repeat(httpRequest(server.port, 'POST', '/api/auth/login', { body: { email, password } }), 200),
  );
  let library = '';
  const limit = {
    name: 'the hash alone',
    async measure(milliseconds: number) {
      const result = (await hash.ask({ milliseconds, inFlight, ...ARGON2 })) as HashResult;
      library = result.library;
      return { rate: result.rate };
    },
  };
  const rows = await compare(bench, exchanges, [limit], plan.hashRun);
  const { memory, time, parallelism } = ARGON2;
  return {
    scenario: 'login',
    rows,
    facts: [
      `${CONNECTIONS} connections, each another user; ${library}, m=${memory},t=${time},p=${parallelism}, ${inFlight} at once`,
    ],
    goals: [ratioGoal('login', rows, 0.85)],
  };
}
