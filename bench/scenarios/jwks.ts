import { httpRequest, repeat } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { compare } from '../harness/compare.ts';
import { startLimitServer } from '../harness/limit-process.ts';
import { drive } from '../harness/load.ts';
import { fetchAnswer } from '../harness/raw.ts';
import { type Result, ratioGoal } from '../harness/result.ts';

const CONNECTIONS = 32;
const PATH = '/.well-known/jwks.json';

/** The JWKS, beside `node:http` answering the same bytes with the same headers. */
export async function measureJwks(bench: Bench): Promise<Result> {
  const { server, cores } = bench;
  const answer = await fetchAnswer(server.port, PATH);
  await using raw = await startLimitServer(cores, 'static-server.ts', answer);
  const connect = (port: number) =>
    Array.from({ length: CONNECTIONS }, () => repeat(httpRequest(port, 'GET', PATH), 200));
  const rawExchanges = connect(raw.port);
  const rows = await compare(bench, connect(server.port), [
    {
      name: 'node:http, same bytes',
      measure: (milliseconds) => drive(raw, rawExchanges, milliseconds),
    },
  ]);
  const size = Buffer.byteLength(answer.body);
  return {
    scenario: 'jwks',
    rows,
    facts: [`${CONNECTIONS} connections, ${size} bytes and ${answer.headers.length / 2} headers`],
    goals: [ratioGoal('jwks', rows, 0.85)],
  };
}
