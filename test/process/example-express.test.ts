import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bearer, clientOf, type SignedIn } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { freePort } from '../support/free-port.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  type RunningProcess,
  type ServerProcess,
  type Site,
  siteOn,
  startNode,
  startServer,
  WAIT,
} from '../support/server-process.ts';

const SERVER = join(import.meta.dirname, '../../examples/express/server.js');

let site: Site;
let keyturn: ServerProcess;
let example: RunningProcess;
let url: string;
let ann: SignedIn;
let bob: SignedIn;
beforeAll(async () => {
  const { url: database } = await createTestDatabase();
  const env = { ISSUER_URL: undefined, PORT: String(await freePort()) };
  site = await siteOn({ url: database, dataDir: 'data' }, env);
  keyturn = await (await startServer(site)).ready();
  ann = await clientOf(keyturn).register();
  bob = await clientOf(keyturn).register();
  [example, url] = await startExample();
});
afterAll(() => expect(example.said.stderr).toBe(''));

/** The example as it trusts Keyturn, and where it listens. @param slash behind the issuer's URL */
async function startExample(slash: '' | '/' = ''): Promise<[RunningProcess, string]> {
  const issuer = `http://localhost:${new URL(keyturn.url).port}`;
  const env = { ISSUER_URL: `${issuer}${slash}`, PORT: '0' };
  const started = startNode([SERVER], { cwd: await newDirectory(), env });
  await vi.waitUntil(() => started.said.stdout.includes('\n'), WAIT);
  return [started, started.said.stdout.trim().split(' ').at(-1) ?? ''];
}

const call = (path: string, headers: Readonly<Record<string, string>>, title?: string) =>
  fetch(`${url}/api/users/${path}/todos`, {
    headers: { ...headers, 'Content-Type': 'application/json' },
    ...(title !== undefined && { method: 'POST', body: JSON.stringify({ title }) }),
  });

test('the Express example serves each user his own todos', async () => {
  expect((await call('me', bearer(ann.accessToken), 'Buy milk')).status).toBe(201);
  const anns = await call(ann.userId, bearer(ann.accessToken));
  expect(await anns.json()).toMatchObject({ todos: [{ title: 'Buy milk' }] });
  const bobs = await call('me', bearer(bob.accessToken));
  expect(await bobs.json()).toEqual({ todos: [] });
  expect((await call(ann.userId, bearer(bob.accessToken))).status).toBe(403);
});

test('the Express example knows an issuer that is written with a slash at the end', async () => {
  const [, elsewhere] = await startExample('/');
  const todos = `${elsewhere}/api/users/me/todos`;
  expect((await fetch(todos, { headers: bearer(bob.accessToken) })).status).toBe(200);
});

test('the Express example refuses what is no good token', async () => {
  const [head, payload = '', signature] = ann.accessToken.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const forged = Buffer.from(JSON.stringify({ ...claims, sub: bob.userId })).toString('base64url');
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
  for (const headers of [
    {},
    bearer('garbage'),
    bearer(ann.refreshToken),
    bearer(`${head}.${forged}.${signature}`),
    bearer(`${none}.${payload}.`),
  ]) {
    const response = await call('me', headers);
    expect(response.status).toBe(401);
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
  }
});

test('the Express example calls no token bad that it has no keys for', async () => {
  await keyturn.stop('SIGINT');
  // It has the keys from before.
  expect((await call('me', bearer(ann.accessToken))).status).toBe(200);
  const [other, elsewhere] = await startExample();
  const ask = (token: string) =>
    fetch(`${elsewhere}/api/users/me/todos`, { headers: bearer(token) });
  const refused = await ask(ann.accessToken);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('Retry-After')).toBe('5');
  expect(refused.headers.get('WWW-Authenticate')).toBeNull();
  expect(await refused.json()).toMatchObject({ error: 'unavailable' });

  keyturn = await startServer(site);
  await keyturn.ready();
  // What it found out about the keys it believes for a second, here and below.
  await vi.waitUntil(async () => (await ask(ann.accessToken)).status === 200, WAIT);
  const forged = `${ann.accessToken.slice(0, -8)}AAAAAAAA`;
  await vi.waitUntil(async () => (await ask(forged)).status === 401, WAIT);
  expect(other.said.stderr).toBe('');
});
