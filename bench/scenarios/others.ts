import { httpRequest, newRegistration, registerAccounts, renew, repeat } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { compare } from '../harness/compare.ts';
import type { Result } from '../harness/result.ts';

const CONNECTIONS = 32;
const HASHING_CONNECTIONS = 8;

/** /healthz: what a request costs that does nothing. */
export async function measureHealthz(bench: Bench): Promise<Result> {
  const request = httpRequest(bench.server.port, 'GET', '/healthz');
  const exchanges = Array.from({ length: CONNECTIONS }, () => repeat(request, 200));
  return report('healthz', bench, exchanges);
}

/** The bearer's own user: what a checked token and a look at the session cost. */
export async function measureMe(bench: Bench): Promise<Result> {
  const { port } = bench.server;
  const accounts = await registerAccounts(port, CONNECTIONS);
  const exchanges = accounts.map(({ accessToken: bearer }) =>
    repeat(httpRequest(port, 'GET', '/api/auth/me', { bearer }), 200),
  );
  return report('me', bench, exchanges);
}

/** Registrations, each of somebody new. */
export async function measureRegister(bench: Bench): Promise<Result> {
  const { port } = bench.server;
  const next = () => httpRequest(port, 'POST', '/api/auth/register', { body: newRegistration() });
  const exchanges = Array.from({ length: HASHING_CONNECTIONS }, () => renew(next, 201));
  return report('register', bench, exchanges, bench.plan.hashRun);
}

async function report(
  scenario: string,
  bench: Bench,
  exchanges: Parameters<typeof compare>[1],
  run?: number,
): Promise<Result> {
  const rows = await compare(bench, exchanges, [], run);
  return { scenario, rows, facts: [`${exchanges.length} connections`], goals: [] };
}
