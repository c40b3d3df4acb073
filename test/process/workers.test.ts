import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { Agent } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { clientOf, PASSWORD } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { readExposition } from '../support/exposition.ts';
import { freePort } from '../support/free-port.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  type Env,
  logLines,
  runCommand,
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';

let database: TestDatabase;
let site: Site;
beforeAll(async () => {
  database = await createTestDatabase();
  // All listen there again after the last of them was killed.
  site = await siteOnDatabase({ PORT: String(await freePort()) });
});
afterAll(() => database.drop());

const siteOnDatabase = async (env: Env): Promise<Site> =>
  siteOn(
    { url: database.url, dataDir: join(await newDirectory(), 'data') },
    // New requests are served for so long after SIGTERM, on a machine that has little time as well.
    { WORKERS: '2', SELF_CHECK: 'off', DRAIN_DELAY: '10s', ...env },
  );

const lines = ({ said }: ServerProcess) => logLines(said.stdout);
const said = (server: ServerProcess, msg: string) =>
  lines(server).filter((line) => line.msg === msg);

/** Starts it and waits until both workers serve. */
async function start(): Promise<ServerProcess> {
  const server = await startServer(site);
  await vi.waitUntil(() => said(server, 'ready').length === 2, WAIT);
  return server;
}

async function metricsOf(server: ServerProcess) {
  const [served] = said(server, 'metrics are served');
  const response = await fetch(`http://127.0.0.1:${served?.port}/metrics`);
  expect(response.status).toBe(200);
  return readExposition(await response.text());
}

/** The processes that a process has started. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

/** Asks on so many connections of their own; answers the statuses. */
const askAnew = (server: ServerProcess, path: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => statusOf(`${server.url}${path}`)));

describe('workers', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await start();
  });

  const healthChecks = async () =>
    (await metricsOf(server)).value('keyturn_http_request_duration_seconds_count', {
      route: '/healthz',
    }) ?? 0;

  test('share the listener, and what they count is added up', async () => {
    const before = await healthChecks();
    expect(new Set(await askAnew(server, '/healthz', 40))).toEqual(new Set([200]));
    expect(await healthChecks()).toBe(before + 40);
    const { value } = await metricsOf(server);
    expect(value('keyturn_workers')).toBe(2);
    // Of two workers that both see one active key there is one, not two.
    expect(value('keyturn_published_keys', { state: 'active' })).toBe(1);
    expect(value('keyturn_can_sign')).toBe(1);
    await vi.waitUntil(() => said(server, 'request').length >= 40, WAIT);
    const busy = said(server, 'request').map(({ worker }) => worker);
    expect(new Set(busy)).toEqual(new Set([1, 2]));
  });

  test('serve one account together: what one has signed or opened, the other takes', async () => {
    const client = clientOf(server);
    const somebody = await client.register();
    for (let i = 0; i < 6; i++) {
      const anew = request(server.url).get('/api/auth/me').set('Connection', 'close');
      await anew.set('Authorization', `Bearer ${somebody.accessToken}`).expect(200);
    }
    const once = await client.refresh(somebody.refreshToken).expect(200);
    const again = await request(server.url)
      .post('/api/auth/refresh')
      .set('Connection', 'close')
      .send({ refresh_token: somebody.refreshToken })
      .expect(200);
    expect(again.body.refresh_token).toBe(once.body.refresh_token);
  });

  test('that are killed are replaced; the others go on, and no sum goes back', async () => {
    const before = await healthChecks();
    const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
    const ask = (agent: Agent) =>
      request(server.url)
        .get('/healthz')
        .agent(agent)
        .then(
          ({ status }) => status,
          () => 'cut',
        );
    await Promise.all(agents.map(ask));
    const workers = childrenOf(server.pid);
    expect(workers).toHaveLength(2);
    process.kill(workers[0] ?? 0, 'SIGKILL');
    await vi.waitUntil(() => said(server, 'a worker ended; another is started').length === 1, WAIT);
    // Half of the connections were the other's.
    const after = await Promise.all(agents.map(ask));
    expect(after.filter((status) => status === 200).length).toBeGreaterThanOrEqual(4);
    // While the new one starts, nothing is sent to it.
    while (said(server, 'ready').length < 3) {
      expect(await askAnew(server, '/readyz', 2)).toEqual([200, 200]);
    }
    await vi.waitUntil(async () => (await metricsOf(server)).value('keyturn_workers') === 2, WAIT);
    const { value } = await metricsOf(server);
    expect(value('keyturn_worker_restarts_total')).toBe(1);
    expect(await healthChecks()).toBeGreaterThanOrEqual(before);
    expect(childrenOf(server.pid)).toHaveLength(2);
    expect(new Set(await askAnew(server, '/readyz', 20))).toEqual(new Set([200]));
    for (const agent of agents) agent.destroy();
  });

  test('are all drained on SIGTERM, and what is in flight is finished', async () => {
    const client = clientOf(server);
    const somebody = await client.register();
    const ending = server.stop('SIGTERM');
    await vi.waitUntil(async () => (await statusOf(`${server.url}/readyz`)) === 503, WAIT);
    const body = { email: somebody.email, password: PASSWORD };
    // Few: hashes that a slow machine lets wait for longer than 8 s are answered 503.
    const logins = await Promise.all(
      Array.from({ length: 4 }, () =>
        request(server.url).post('/api/auth/login').set('Connection', 'close').send(body),
      ),
    );
    expect(logins.map(({ status }) => status)).toEqual(Array(4).fill(200));
    const { status, stderr } = await ending;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const stopped = said(server, 'stopped').map(({ worker }) => worker);
    expect(stopped).toHaveLength(3);
    expect(new Set(stopped)).toContain(3);
    expect(stopped.at(-1)).toBeUndefined();
    expect(said(server, 'a worker ended; another is started')).toHaveLength(1);
    expect(await statusOf(`${server.url}/healthz`)).toBeUndefined();
  });
});

test('that the system cannot start are tried again, and keep nobody from stopping', async () => {
  const node = join(await newDirectory(), 'node');
  const away = `${node}.away`;
  copyFileSync(process.execPath, node);
  // As $0 of a shell, which passes over the Node.js that it is followed by.
  const under = ['sh', '-c', 'shift; exec "$0" "$@"', node];
  const server = await startServer({ ...site, under, env: { ...site.env, DRAIN_DELAY: '1s' } });
  await vi.waitUntil(() => said(server, 'ready').length === 2, WAIT);
  const killOne = async () => {
    const failures = said(server, 'worker').length;
    renameSync(node, away);
    process.kill(childrenOf(server.pid)[0] ?? 0, 'SIGKILL');
    await vi.waitUntil(() => said(server, 'worker').length > failures + 1, WAIT);
  };
  await killOne();
  expect((await metricsOf(server)).value('keyturn_workers')).toBe(1);
  expect(await askAnew(server, '/healthz', 2)).toEqual([200, 200]);
  renameSync(away, node);
  await vi.waitUntil(() => said(server, 'ready').length === 3, WAIT);
  expect((await metricsOf(server)).value('keyturn_workers')).toBe(2);
  await killOne();
  expect(await server.stop('SIGTERM')).toMatchObject({ status: 0, stderr: '' });
});

test('SIGINT ends workers without the delay', async () => {
  site = { ...site, env: { ...site.env, DRAIN_DELAY: '10m' } };
  const server = await start();
  expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });
});

test('workers share a port that was left to the system, and the issuer is of it', async () => {
  const left = { ...site, env: { ...site.env, PORT: '0', ISSUER_URL: undefined } };
  const server = await startServer(left);
  await vi.waitUntil(() => said(server, 'ready').length === 2, WAIT);
  const ports = said(server, 'listening').map(({ port }) => `http://127.0.0.1:${port}`);
  expect(ports).toEqual([server.url, server.url]);
  const metadata = await fetch(`${server.url}/.well-known/openid-configuration`);
  const issuer = server.url.replace('127.0.0.1', 'localhost');
  expect(await metadata.json()).toMatchObject({ issuer });
  expect((await server.stop('SIGINT')).status).toBe(0);
});

describe('a start that cannot succeed ends all with its status, and says so once', () => {
  test('for a port that is taken', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const { port } = occupant.address() as AddressInfo;
    const { status, stderr } = await runCommand(
      ['serve'],
      await siteOnDatabase({ PORT: String(port) }),
    );
    occupant.close();
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Keyturn cannot run: .*:${port}.*PORT`));
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('for keys that do not open', async () => {
    const other = {
      KEYS_DIR: undefined,
      KEY_ENCRYPTION_KEY: Buffer.alloc(32, 9).toString('base64url'),
    };
    const { status, stderr } = await runCommand(['serve'], await siteOnDatabase(other));
    expect(status).toBe(78);
    expect(stderr.match(/Keyturn cannot run/g)).toHaveLength(1);
  });
});
