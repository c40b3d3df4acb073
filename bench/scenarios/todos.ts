import { httpRequest, registerAccounts, repeat } from '../harness/api.ts';
import type { Bench } from '../harness/bench.ts';
import { compare } from '../harness/compare.ts';
import { startLimitServer } from '../harness/limit-process.ts';
import { drive } from '../harness/load.ts';
import { type Result, ratioGoal } from '../harness/result.ts';
import type { TodoServerNeeds } from '../limits/todo-server.ts';

const CONNECTIONS = 32;
const TODOS = 5;
const PATH = '/api/users/me/todos';

/** A list of five todos with a token seen before, beside bare Koa with the SELECT alone. */
export async function measureTodos(bench: Bench): Promise<Result> {
  const { server, cores, databaseUrl, plan } = bench;
  const [account] = await registerAccounts(server.port, 1);
  if (!account) throw new Error('nobody was registered');
  const bearer = account.accessToken;
  for (let i = 0; i < TODOS; i += 1) await addTodo(server.port, bearer, `todo ${i}`);
  const claims = Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString();
  const needs: TodoServerNeeds = { databaseUrl, userId: JSON.parse(claims).sub };
  await using raw = await startLimitServer(cores, 'todo-server.ts', needs);
  const request = (port: number) => httpRequest(port, 'GET', PATH, { bearer });
  const connect = (port: number) =>
    Array.from({ length: CONNECTIONS }, () => repeat(request(port), 200));
  const rawExchanges = connect(raw.port);
  const rows = await compare(bench, connect(server.port), [
    {
      name: 'Koa with one prepared SELECT',
      measure: (milliseconds) => drive(raw, rawExchanges, milliseconds),
    },
  ]);
  const alone = await drive(server, [repeat(request(server.port), 200)], plan.run);
  return {
    scenario: 'todos',
    rows,
    facts: [
      `${CONNECTIONS} connections, ${TODOS} todos, one token, seen before`,
      `one connection alone: p50 ${alone.p50?.toFixed(2)} ms, p99 ${alone.p99?.toFixed(2)} ms`,
    ],
    goals: [ratioGoal('todos', rows, 0.6)],
  };
}

async function addTodo(port: number, bearer: string, title: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${PATH}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ title, description: 'with a description of some length' }),
  });
  if (response.status !== 201) throw new Error(`no todo was made: ${await response.text()}`);
}
