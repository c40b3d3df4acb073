import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { clientOf, type SignedIn } from '../support/client.ts';
import { freePort } from '../support/free-port.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { expectProblem } from '../support/problem.ts';
import {
  type Env,
  logLines,
  MAIN,
  type ServerProcess,
  siteOn,
  startNode,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { todosOf } from '../support/todo-client.ts';

const ALONE = [MAIN, 'serve', '--only', 'resource-server'];

/** A place for a resource server: PostgreSQL, or the embedded default where `url` is undefined. */
async function siteFor(issuer: string, url: string | undefined, env: Env = {}) {
  const site = await siteOn({ url, dataDir: 'unused' }, { ISSUER_URL: issuer, ...env });
  return {
    ...site,
    serve: ALONE,
    env: { ...site.env, DATA_DIR: undefined, KEYS_DIR: '/nowhere', ...env },
  };
}

async function answering(handler: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

describe('the resource server alone', () => {
  let issuer: ServerProcess;
  let proxy: TcpProxy;
  let issuerUrl: string;
  let ann: SignedIn;
  beforeAll(async () => {
    // The issuer's address is that of a proxy, so that it can go away.
    const port = await freePort();
    proxy = await tcpProxy(port);
    issuerUrl = `http://127.0.0.1:${proxy.port}`;
    const { url } = await createTestDatabase();
    const site = await siteOn(
      { url, dataDir: 'data' },
      { ISSUER_URL: issuerUrl, PORT: String(port), SELF_CHECK: 'off' },
    );
    issuer = await startServer({ ...site, serve: [MAIN, 'serve', '--only', 'issuer'] });
    await issuer.ready();
    ann = await clientOf(issuer).register();
  });
  afterAll(() => proxy.close());

  test.each([
    ['PostgreSQL', async () => (await createTestDatabase()).url],
    ['the embedded database', async () => undefined],
  ])('serves todos on %s and knows the issuer by URL alone', async (_, database) => {
    const site = await siteFor(issuerUrl, await database());
    const server = await (await startServer(site)).ready();
    const client = clientOf(server);
    const todos = todosOf(client, ann.accessToken);
    const { id } = await todos.add('alone');
    expect(await todos.ids()).toEqual([id]);

    const foreign = await todosOf(client, ann.accessToken, 'somebody-else').list();
    expectProblem(foreign, 403, 'cross_user_access');
    await vi.waitUntil(() => server.said.stdout.includes('cross_user_access'), WAIT);
    const events = logLines(server.said.stdout).filter((line) => line.event !== undefined);
    expect(events).toMatchObject([
      { event: 'cross_user_access', user_id: ann.userId, reason: 'somebody-else' },
    ]);

    // Nothing of the issuer is here.
    expectProblem(await client.me(ann), 404, 'not_found');
    expectProblem(await client.post('/api/auth/login', {}), 404, 'not_found');
    expectProblem(await client.get('/.well-known/jwks.json'), 404, 'not_found');

    // It goes on when the issuer is gone, for those it knows and for those it does not.
    const bob = await clientOf(issuer).register();
    proxy.set('refuse');
    expect(await todos.ids()).toEqual([id]);
    expect((await todosOf(client, bob.accessToken).list()).status).toBe(200);
    expect(await statusOf(`${server.url}/readyz`)).toBe(200);
    proxy.set('open');
    expect(await server.stop('SIGTERM')).toMatchObject({ status: 0, stderr: '' });
  });

  test('is not ready before it has its keys, and then it is', async () => {
    proxy.set('refuse');
    onTestFinished(() => proxy.set('open'));
    const site = await siteFor(issuerUrl, (await createTestDatabase()).url);
    const server = await startServer(site);
    await vi.waitUntil(() => server.said.stdout.includes('migrated'), WAIT);
    expect(await statusOf(`${server.url}/readyz`)).toBe(503);
    expect(await statusOf(`${server.url}/healthz`)).toBe(200);
    const early = await todosOf(clientOf(server), ann.accessToken).list();
    expectProblem(early, 503, 'unavailable');
    proxy.set('open');
    await server.ready();
    expect((await todosOf(clientOf(server), ann.accessToken).list()).status).toBe(200);
    expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });
  });

  test('ends at once when it is told to while it waits for keys', async () => {
    proxy.set('refuse');
    onTestFinished(() => proxy.set('open'));
    const site = await siteFor(issuerUrl, (await createTestDatabase()).url);
    const server = await startServer(site);
    await vi.waitUntil(() => server.said.stdout.includes('migrated'), WAIT);
    expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });
  });

  const set =
    (keys: unknown): RequestListener =>
    (_, response) => {
      response.end(JSON.stringify({ keys }));
    };
  test.each<[string, RequestListener, RegExp]>([
    ['unreachable', (_, response) => void response.writeHead(502).end(), /unreachable/],
    ['not JSON', (_, response) => void response.end('<html>'), /not answer JSON/],
    ['no keys', set([]), /holds no keys/],
    ['no RS256 key', set([{ kty: 'EC', kid: 'a' }]), /no key for RS256/],
  ])('ends with 1 and says so when the JWKS is %s', async (_, handler, says) => {
    const { url } = await answering(handler);
    const site = await siteFor(url, (await createTestDatabase()).url, {
      JWKS_URI: `${url}/jwks`,
      // Time for several tries: the first one loads what it needs, which may take it too long.
      JWKS_STARTUP_TIMEOUT: '3s',
    });
    const { status, stdout, stderr } = await startNode(ALONE, site).ended;
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(says) });
    expect(stderr).toMatch(/^Keyturn cannot run: /);
    expect(stdout).not.toMatch(/"stack"/);
    expect(stderr).toContain(`${url}/jwks`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  test('an issuer that says nothing does not hold it longer than it wants to wait', async () => {
    const { url } = await answering(() => {});
    const site = await siteFor(url, (await createTestDatabase()).url, {
      JWKS_STARTUP_TIMEOUT: '1s',
    });
    const { status, stderr } = await startNode(ALONE, site).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/unreachable: it takes too long/);
  });

  test('needs an issuer', async () => {
    const site = await siteFor(issuerUrl, undefined, { ISSUER_URL: undefined });
    const { status, stderr } = await startNode(ALONE, site).ended;
    expect(status).toBe(78);
    expect(stderr).toContain('ISSUER_URL: is required');
  });

  test('the issuer alone has no todos', async () => {
    expectProblem(await todosOf(clientOf(issuer), ann.accessToken).list(), 404, 'not_found');
    expect((await clientOf(issuer).me(ann)).status).toBe(200);
  });
});
