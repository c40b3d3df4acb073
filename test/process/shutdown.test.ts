import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { clientOf, PASSWORD } from '../support/client.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  type Env,
  logLines,
  PATIENCE,
  type ServerProcess,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { LONG } from '../support/thorough.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const start = async (env: Env = {}): Promise<ServerProcess> => {
  const storage = { url: database.url, dataDir: join(await newDirectory(), 'data') };
  const site = await siteOn(storage, env);
  const keys = {
    KEYS_DIR: undefined,
    KEY_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64url'),
  };
  return (await startServer({ ...site, env: { ...site.env, ...keys, ...env } })).ready();
};

/** A connection of one's own, with what came on it. */
async function rawConnection(url: string): Promise<{ socket: Socket; received(): string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'connect');
  return { socket, received: () => text };
}

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** A login up to the value of its Content-Length. */
const LOGIN =
  'POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
  'Content-Length: ';

describe('SIGTERM', () => {
  test('turns /readyz, serves new requests for a while, closes what is idle and ends with 0', async () => {
    // Long enough for all that follows on a machine that has little time for it.
    const server = await start({ DRAIN_DELAY: '12s' });
    const { url } = server;
    const client = clientOf(server);
    const somebody = await client.register();
    const idle = await rawConnection(url);
    const unused = await rawConnection(url);
    idle.socket.write(GET('/healthz'));
    await vi.waitUntil(() => idle.received().includes('\r\n\r\n'), WAIT);
    expect(idle.received()).not.toMatch(/^connection: close/im);

    const ending = server.stop('SIGTERM');
    await vi.waitUntil(async () => (await statusOf(`${url}/readyz`)) === 503, WAIT);
    const drained = await client.get('/readyz');
    expect(drained.body.detail).toMatch(/shutting down/);
    await client.get('/healthz').expect(200);
    await client.get('/.well-known/jwks.json').expect(200);
    await client.refresh(somebody.refreshToken).expect(200);
    await client.login(somebody);

    const closed = Promise.all([once(idle.socket, 'close'), once(unused.socket, 'close')]);
    const { status, stderr } = await ending;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    await closed;
    expect(await statusOf(`${url}/healthz`)).toBeUndefined();
  });

  test('while the database is away ends a start that waits for it', async () => {
    const proxy = await tcpProxy(Number(new URL(database.url).port));
    proxy.set('refuse');
    const url = new URL(database.url);
    url.port = String(proxy.port);
    const site = await siteOn({ url: url.href, dataDir: join(await newDirectory(), 'data') });
    const server = await startServer(site);
    await vi.waitUntil(() => server.said.stdout.includes('waiting for it'), WAIT);
    expect(await statusOf(`${server.url}/readyz`)).toBe(503);
    const { status, stderr } = await server.stop('SIGTERM');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    await proxy.close();
  });
});

describe('SIGINT', () => {
  test('finishes what is in flight and does not wait for a load balancer', async () => {
    // Were the delay kept, the end would come long after this test has given up.
    // A hash takes far longer than it takes to send the signal.
    const server = await start({ DRAIN_DELAY: '10m', ARGON2_TIME: '4' });
    const client = clientOf(server);
    const somebody = await client.register();
    const body = JSON.stringify({ email: somebody.email, password: PASSWORD });
    const logins = await Promise.all(Array.from({ length: 8 }, () => rawConnection(server.url)));
    // Half wait for the hash, unless it is done by then; the others for the rest of the body.
    const parts = logins.map((_, i) => (i % 2 === 0 ? body.length : 9));
    for (const [i, { socket }] of logins.entries())
      socket.write(`${LOGIN}${body.length}\r\n\r\n${body.slice(0, parts[i])}`);
    // What came before these has been read when they are answered.
    await statusOf(`${server.url}/healthz`);
    await statusOf(`${server.url}/healthz`);
    const statuses = () => logins.map(({ received }) => received().slice(9, 12));
    const closed = Promise.all(logins.map(({ socket }) => once(socket, 'close')));
    const ending = server.stop('SIGINT');
    await vi.waitUntil(async () => (await statusOf(`${server.url}/healthz`)) === undefined, WAIT);
    expect(statuses().filter((status) => status === '').length).toBeGreaterThanOrEqual(4);
    // Those that are whole may be answered, and closed, by now.
    for (const [i, { socket }] of logins.entries()) {
      const rest = body.slice(parts[i]);
      if (rest !== '') socket.write(rest);
    }
    expect(await ending).toMatchObject({ status: 0, stderr: '' });
    await closed;
    expect(statuses()).toEqual(Array(logins.length).fill('200'));
  });

  test('does not wait for ever for a request that does not come to its end', async () => {
    const server = await start();
    const slow = await rawConnection(server.url);
    slow.socket.write(`${LOGIN}100\r\n\r\n{"email":`);
    slow.socket.on('error', () => {});
    await statusOf(`${server.url}/healthz`);
    const { status, stderr } = await server.stop('SIGINT');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

test('a second signal ends a shutdown that takes too long', async () => {
  const server = await start({ DRAIN_DELAY: '10m' });
  server.kill('SIGTERM');
  await vi.waitUntil(async () => (await statusOf(`${server.url}/readyz`)) === 503, WAIT);
  expect(await server.stop('SIGTERM')).toMatchObject({ status: null, signal: 'SIGTERM' });
});

describe.each(DRIVERS)('a start on $name', ({ create }) => {
  const expectGivenUp = async (moment: (server: ServerProcess) => Promise<unknown>) => {
    const storage = await create();
    const site = await siteOn(storage);
    for (let round = 0; round < (LONG ? 50 : 3); round++) {
      const server = await startServer(site);
      await moment(server);
      const { status, stdout, stderr } = await server.stop('SIGINT');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(logLines(stdout).at(-1)).toMatchObject({ msg: 'stopped' });
    }
    await storage.drop();
  };

  test('that is given up on at any moment ends with 0', { timeout: PATIENCE }, () =>
    expectGivenUp(() => pause(Math.random() * 500)),
  );

  test('that is given up on at its very end ends with 0', { timeout: PATIENCE }, () =>
    expectGivenUp(async ({ url }) => {
      while ((await statusOf(`${url}/readyz`)) !== 200);
    }),
  );
});
