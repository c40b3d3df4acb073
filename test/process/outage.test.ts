import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bearer, clientOf, PASSWORD, type SignedIn } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { within } from '../support/lived-time.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { expectProblem } from '../support/problem.ts';
import {
  logLines,
  type ServerProcess,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';

/** The contract's: by then there is an answer, though the database gives none. */
const WITHIN = 10_000;

let database: TestDatabase;
let door: TcpProxy;
let server: ServerProcess;
let somebody: SignedIn;

beforeAll(async () => {
  database = await createTestDatabase();
  const url = new URL(database.url);
  door = await tcpProxy(Number(url.port));
  url.port = String(door.port);
  door.set('refuse');
  const dataDir = join(await newDirectory(), 'data');
  server = await startServer(await siteOn({ url: url.href, dataDir }));
});

afterAll(async () => {
  await server.stop('SIGKILL');
  await door.close();
  await database.drop();
});

test('a database that is away at the start is waited for', async () => {
  const client = clientOf(server);
  await vi.waitUntil(() => server.said.stdout.includes('waiting for it'), WAIT);
  await client.get('/healthz').expect(200);
  const ready = await client.get('/readyz');
  expectProblem(ready, 503, 'unavailable');
  expect(ready.body.detail).toMatch(/starting.*the database does not answer/);
  expectProblem(await client.get('/.well-known/jwks.json'), 503, 'unavailable');
  expectProblem(await client.post('/api/auth/login', {}), 503, 'unavailable');
  door.set('open');
  await server.ready();
  somebody = await client.register();
});

test.each(['refuse', 'silent'] as const)('an outage later (%s) is survived', async (mode) => {
  const client = clientOf(server);
  const before = (await client.get('/.well-known/jwks.json')).text;
  const credentials = { email: somebody.email, password: PASSWORD };
  door.set(mode);
  const calls = () => [
    client.get('/readyz'),
    client.post('/api/auth/login', credentials),
    client.post('/api/auth/register', { ...credentials, email: 'new@example.com', name: 'New' }),
    client.refresh(somebody.refreshToken),
    client.me(somebody),
    client.get('/api/users/me/todos', bearer(somebody.accessToken)),
    client.delete(`/api/auth/sessions/${somebody.sessionId}`, bearer(somebody.accessToken)),
  ];
  const answers = await within(WITHIN, Promise.all(calls()));
  for (const answer of answers) expectProblem(answer, 503, 'unavailable');
  await client.get('/healthz').expect(200);
  expect((await client.get('/.well-known/jwks.json').expect(200)).text).toBe(before);

  door.set('open');
  await vi.waitUntil(async () => (await statusOf(`${server.url}/readyz`)) === 200, WAIT);
  await client.me(somebody).expect(200);
  const { body } = await client.refresh(somebody.refreshToken).expect(200);
  somebody = { ...somebody, refreshToken: body.refresh_token };
  await client.login(somebody);
});

test('nothing of it counted as a fault of ours', () => {
  const levels = logLines(server.said.stdout).map(({ level }) => level);
  expect(levels).toContain('warn');
  expect(levels).not.toContain('error');
  expect(levels).not.toContain('fatal');
  expect(server.said.stderr).toBe('');
});
