import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bearer, clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { type Todos, todosOf } from '../support/todo-client.ts';
import { ANYWHERE, GARBAGE_COOKIES, type Malformed, NO_GOOD_TEXTS, NO_TEXTS } from './malformed.ts';

describe.each(DRIVERS)('malformed todos on $name', (driver) => {
  let keyturn: TestKeyturn;
  let token: Readonly<Record<string, string>>;
  let todos: Todos;
  let id: string;
  const agent = new Agent({ keepAlive: true });
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    const client = clientOf(keyturn);
    const { accessToken } = await client.register();
    token = bearer(accessToken);
    todos = todosOf(client, accessToken);
    id = (await todos.add('untouched')).id;
  });
  afterAll(async () => {
    agent.destroy();
    await keyturn.close();
  });

  afterEach(async () => {
    const lines = keyturn.lines.map((line) => JSON.parse(line));
    expect(lines.filter(({ status = 0 }) => status >= 500)).toEqual([]);
    expect(lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
    expect((await todos.list()).body.todos).toMatchObject([{ id, title: 'untouched' }]);
  });

  type Sent = Pick<Malformed, 'body' | 'type' | 'headers'>;

  /** Sends bytes as they are, to the call that makes a todo, or changes or deletes the one. */
  async function send(method: string, { body, type = 'application/json', headers }: Sent) {
    const outgoing = request(
      `${keyturn.url}/api/users/me/todos${method === 'POST' ? '' : `/${id}`}`,
      {
        method,
        agent,
        headers: {
          ...(type !== null && { 'Content-Type': type }),
          'Content-Length': Buffer.byteLength(body),
          ...token,
          ...headers,
        },
      },
    );
    outgoing.end(body);
    const [response] = await once(outgoing, 'response');
    const { statusCode: status, headers: answered } = response;
    return { status, headers: answered, body: (await json(response)) as { errors: unknown } };
  }

  describe.each(['POST', 'PATCH', 'DELETE'])('%s', (method) => {
    test.each(ANYWHERE.map((one) => [one.name, one] as const))('%s', async (_, malformed) => {
      const response = await send(method, malformed);
      const { status, code, paths } = malformed;
      // Fields are named one by one, and a title that is missing besides; that is looked at below.
      const known = paths ?? (status === 400 ? pathsOf(response.body) : undefined);
      expectProblem(response, status, code, known);
    });
  });

  describe.each(['POST', 'PATCH'])('%s', (method) => {
    const texts = [...NO_TEXTS, ...NO_GOOD_TEXTS];
    const FIELDS: readonly (readonly [string, string])[] = [
      ...texts.map((text) => ['title', text] as const),
      ...['title'].flatMap((name) =>
        ['""', '" "', '"a\\nb"', '"\\u007f"'].map((t) => [name, t] as const),
      ),
      ...texts.filter((text) => text !== 'null').map((text) => ['description', text] as const),
      ...['null', '0', '1', '"true"', '[]', '{}', '""'].map((text) => ['completed', text] as const),
      ...['id', 'user_id', 'version', 'created_at', 'updated_at'].map(
        (name) => [name, '"x"'] as const,
      ),
    ];
    test.each(FIELDS)('%s: %s', async (name, text) => {
      const title = name === 'title' ? '' : '"title":"a",';
      const response = await send(method, { body: `{${title}"${name}":${text}}` });
      expectProblem(response, 400, 'invalid_request', [name]);
    });
  });

  test('a title must be there, and must be one', async () => {
    expectProblem(await send('POST', { body: '{}' }), 400, 'invalid_request', ['title']);
    expectProblem(await send('POST', { body: '' }), 400, 'invalid_request', ['title']);
    expectProblem(await send('PATCH', { body: '' }), 400, 'invalid_request', ['']);
  });

  test('cookies mean nothing here', async () => {
    for (const Cookie of GARBAGE_COOKIES) {
      const response = await send('PATCH', { body: '{"completed":false}', headers: { Cookie } });
      expect(response.status).toBe(200);
    }
  });
});

const pathsOf = ({ errors }: { errors: unknown }): string[] =>
  (errors as { path: string }[]).map(({ path }) => path);
