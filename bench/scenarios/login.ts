import { availableParallelism } from 'node:os';
import { type Account, httpRequest, registerAccounts, repeat } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { compare, type Limit } from '../harness/compare.ts';
import { startLimit, startLimitServer } from '../harness/limit-process.ts';
import { drive, type Exchange } from '../harness/load.ts';
import { fillAccounts } from '../harness/raw.ts';
import { type Result, ratioGoal } from '../harness/result.ts';
import { ARGON2 } from '../harness/server.ts';
import type { HashResult } from '../limits/hash.ts';
import type { SigningNeeds } from '../limits/signing.ts';

const CONNECTIONS = 8;

/**
 * Logins, beside the hash alone on as many threads as the server has cores, and beside one with its
 * statements and signature on the barest servers.
 */
export async function measureLogin(bench: Bench): Promise<Result> {
  const { server, cores, plan } = bench;
  const inFlight = cores.server === undefined ? availableParallelism() : 1;
  await using hash = startLimit(cores, 'hash.ts', { UV_THREADPOOL_SIZE: String(inFlight) });
  const accounts = await registerAccounts(server.port, CONNECTIONS);
  const needs: SigningNeeds = {
    databaseUrl: await fillAccounts(bench, accounts),
    login: { cost: ARGON2, inFlight },
  };
  await using raw = await startLimitServer(cores, 'signing-server.ts', needs);
  await using koa = await startLimitServer(cores, 'signing-koa.ts', needs);
  let library = '';
  const alone: Limit = {
    name: 'the hash alone',
    async measure(milliseconds) {
      const result = (await hash.ask({ milliseconds, inFlight, ...ARGON2 })) as HashResult;
      library = result.library;
      return { rate: result.rate };
    },
  };
  const limits: Limit[] = [
    alone,
    {
      name: 'node:http, SELECT, hash, INSERT, signature',
      measure: (milliseconds) => drive(raw, logins(raw.port, accounts), milliseconds),
    },
    {
      name: 'Koa, jose, SELECT, hash, INSERT',
      measure: (milliseconds) => drive(koa, logins(koa.port, accounts), milliseconds),
    },
  ];
  const rows = await compare(bench, logins(server.port, accounts), limits, plan.hashRun);
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

const logins = (port: number, accounts: readonly Account[]): Exchange[] =>
  accounts.map(({ email, password }) =>
    repeat(httpRequest(port, 'POST', '/api/auth/login', { body: { email, password } }), 200),
  );
