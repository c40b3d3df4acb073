import pg from 'pg';
import { beforeAll, expect, test, vi } from 'vitest';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { clientOf, partOf, registerServed, type SignedIn, served } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { commandIn } from '../support/verifiers/in-process.ts';
import { rows } from '../support/verifiers/key-store.ts';

let url: string;
let site: Site;
let proxy: TcpProxy;
let server: ServerProcess;
/** Registered before anything is cut. */
const people = new Map<string, SignedIn>();
beforeAll(async () => {
  const database = await createTestDatabase();
  url = database.url;
  site = await siteOn(
    { url, dataDir: await newDirectory() },
    { KEY_LEASE: '1s', SELF_CHECK: 'off' },
  );
  const real = new URL(url);
  proxy = await tcpProxy(Number(real.port));
  real.host = `127.0.0.1:${proxy.port}`;
  const behindProxy = { ...site, env: { ...site.env, DATABASE_URL: real.href } };
  server = await (await startServer(behindProxy)).ready();
  for (const name of ['locked', 'silent', 'refuse'])
    people.set(name, await registerServed(clientOf(server)));
  return async () => {
    await proxy.close();
    await database.drop();
  };
});

const get = async (path: string) => {
  const response = await fetch(`${server.url}${path}`);
  return { status: response.status, text: await response.text() };
};

const untilItMayNotSign = () =>
  vi.waitUntil(async () => {
    const { status, text } = await get('/readyz');
    return status === 503 && text.includes('no signing key may be used');
  }, WAIT);

const refresh = ({ refreshToken }: SignedIn) => clientOf(server).refresh(refreshToken);

/** A lease that was renewed late is soon over, once. */
const refreshed = (person: SignedIn) => served(() => refresh(person));

function personFor(name: string): SignedIn {
  const person = people.get(name);
  if (!person) throw new Error(`nobody for ${name}`);
  return person;
}

const rotationsOf = ({ sessionId }: SignedIn) =>
  rows<{ generation: number }>(url, `select generation from sessions where id = '${sessionId}'`);

test('a server that cannot read the keys signs no more and rotates no token; the JWKS stays', async () => {
  const person = personFor('locked');
  const before = await rotationsOf(person);
  const jwks = await get('/.well-known/jwks.json');
  const blocker = new pg.Client({ connectionString: url });
  blocker.on('error', () => {});
  await blocker.connect();
  // Everything but the keys can be read.
  await blocker.query('begin; lock table signing_keys in access exclusive mode');
  await untilItMayNotSign();

  const refused = await refresh(person);
  expect(refused.status).toBe(503);
  expect(refused.headers['retry-after']).toMatch(/^\d+$/);
  expect(await rotationsOf(person)).toEqual(before);
  expect((await clientOf(server).me(person)).status).toBe(200);
  expect(await get('/.well-known/jwks.json')).toEqual(jwks);
  expect((await get('/healthz')).status).toBe(200);

  await blocker.query('rollback');
  await blocker.end();
  await server.ready();
  expect((await refreshed(person)).status).toBe(200);
});

test.each(['silent', 'refuse'] as const)(
  'a server whose connections are cut (%s) comes back with the keys of the day',
  async (cut) => {
    const person = personFor(cut);
    const jwks = await get('/.well-known/jwks.json');
    proxy.set(cut);
    await untilItMayNotSign();
    expect((await refresh(person)).status).toBe(503);
    expect(await get('/.well-known/jwks.json')).toEqual(jwks);
    expect((await get('/healthz')).status).toBe(200);
    // Somebody else rotates meanwhile.
    const { active } = (await commandIn(site, 'keys rotate --force')) as KeyReport;

    proxy.set('refuse');
    proxy.set('open');
    await server.ready();
    const { status, body } = await refreshed(person);
    expect(status).toBe(200);
    expect(partOf(body.access_token, 0).kid).toBe(active);
  },
);
