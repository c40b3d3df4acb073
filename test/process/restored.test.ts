import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { clientOf, PASSWORD, type SignedIn } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  replicaOf,
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';
import { type Dump, restoreDump, takeDump } from '../support/verifiers/dump.ts';
import { commandIn, say } from '../support/verifiers/in-process.ts';

/** The keys are read four times in a lease; one that is over by chance would answer 503 as well. */
const TIMES = { KEY_LEASE: '8s', SELF_CHECK: 'off' };
const NOTICED = 'the database was restored from a backup: run `keyturn restored`';

const readiness = async ({ url }: ServerProcess) => {
  const response = await fetch(`${url}/readyz`);
  const { detail = '' } = (await response.json()) as { detail?: string };
  return { status: response.status, detail };
};

const untilNoticed = (servers: readonly ServerProcess[]) =>
  Promise.all(
    servers.map((server) =>
      vi.waitUntil(async () => (await readiness(server)).detail.includes(NOTICED), WAIT),
    ),
  );

const jwksOf = async ({ url }: ServerProcess): Promise<string[]> => {
  const response = await fetch(`${url}/.well-known/jwks.json`);
  expect(response.status).toBe(200);
  const { keys } = (await response.json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
};

/** Nothing signs, and the JWKS is what it was. */
async function expectStandstill(server: ServerProcess, person: SignedIn, jwks: readonly string[]) {
  const client = clientOf(server);
  const refresh = await client.refresh(person.refreshToken);
  expect(refresh.status).toBe(503);
  expect(refresh.headers['retry-after']).toMatch(/^\d+$/);
  const { email } = person;
  const login = await client.post('/api/auth/login', { email, password: PASSWORD });
  expect(login.status).toBe(503);
  expect((await readiness(server)).status).toBe(503);
  expect(await jwksOf(server)).toEqual(jwks);
}

/** After `restored`: every old session is over, and people log in again. */
async function expectNewLife(
  server: ServerProcess,
  report: KeyReport,
  people: readonly SignedIn[],
) {
  const client = clientOf(server);
  for (const person of people) {
    const refresh = await client.refresh(person.refreshToken);
    expect(refresh.status).toBe(401);
    expect(refresh.body.code).toBe('invalid_refresh_token');
    expect((await client.me(person)).status).toBe(401);
  }
  expect(await jwksOf(server)).toEqual([report.active, report.next]);
}

describe('a backup restored under three replicas', () => {
  let url: string;
  let site: Site;
  let sites: readonly Site[];
  let servers: ServerProcess[];
  let dump: Dump;
  let early: SignedIn;
  let loggedOut: SignedIn;
  let late: SignedIn;
  let stolenKid: string;
  beforeAll(async () => {
    const database = await createTestDatabase();
    url = database.url;
    site = await siteOn({ url, dataDir: join(await newDirectory(), 'data') }, TIMES);
    sites = [site, await replicaOf(site), await replicaOf(site)];
    servers = await Promise.all(sites.map((one) => startServer(one)));
    await Promise.all(servers.map((server) => server.ready()));
    const [first] = servers;
    if (!first) throw new Error('no server');
    const client = clientOf(first);
    early = await client.register();
    loggedOut = await client.register();
    dump = await takeDump(url);

    // All of this the backup knows nothing of.
    expect((await client.logout(loggedOut.refreshToken)).status).toBe(204);
    stolenKid = String(((await commandIn(site, 'keys list')) as KeyReport).active);
    await commandIn(site, `keys revoke ${stolenKid}`);
    await vi.waitUntil(
      async () =>
        (await Promise.all(servers.map(jwksOf))).every((kids) => !kids.includes(stolenKid)),
      WAIT,
    );
    late = await client.register();
    return database.drop;
  });

  test('is noticed by those that run and by one that restarts; nothing signs until `restored`', async () => {
    const jwks = await Promise.all(servers.map(jwksOf));
    await servers[2]?.stop('SIGINT');
    await restoreDump(url, dump);
    const running = servers.slice(0, 2);
    await untilNoticed(running);
    const restarted = await startServer(sites[2] ?? site);
    servers[2] = restarted;
    await untilNoticed([restarted]);
    for (const [i, server] of running.entries())
      await expectStandstill(server, early, jwks[i] ?? []);
    await expectStandstill(restarted, early, await jwksOf(restarted));

    const refused = await say('keys rotate --force --json', site);
    expect(refused.status).toBe(1);
    expect(JSON.parse(refused.stdout)).toEqual({
      error: { code: 'database_restored', detail: expect.stringContaining('keyturn restored') },
    });
  });

  test('goes on with new keys after `restored`, and nothing that was over lives', async () => {
    const report = (await commandIn(site, 'restored')) as KeyReport;
    await Promise.all(servers.map((server) => server.ready()));
    expect(report.keys.find(({ kid }) => kid === stolenKid)?.state).toBe('revoked');
    for (const server of servers) {
      await vi.waitUntil(async () => (await jwksOf(server))[0] === report.active, WAIT);
      await expectNewLife(server, report, [early, loggedOut, late]);
      const again = await clientOf(server).login(early);
      expect((await clientOf(server).me(again)).status).toBe(200);
    }
  });

  test('a second time is noticed as well, and taken up', async () => {
    // Its version rises above what the first restoration gave it.
    expect(await commandIn(site, 'keys rotate --force')).toMatchObject({ changed: true });
    await restoreDump(url, dump);
    await untilNoticed(servers);
    const report = (await commandIn(site, 'restored')) as KeyReport;
    await Promise.all(servers.map((server) => server.ready()));
    for (const server of servers) {
      await vi.waitUntil(async () => (await jwksOf(server))[0] === report.active, WAIT);
      await expectNewLife(server, report, [early]);
    }
  });
});

test('a backup of the embedded database is noticed at the start, and taken up', async () => {
  const storage = await embeddedDriver().create();
  const site = await siteOn(storage, TIMES);
  const [database, copy] = [join(storage.dataDir, 'pglite'), join(await newDirectory(), 'pglite')];
  let server = await (await startServer(site)).ready();
  const person = await clientOf(server).register();
  const loggedOut = await clientOf(server).register();
  await server.stop('SIGINT');
  await cp(database, copy, { recursive: true });
  server = await (await startServer(site)).ready();
  expect((await clientOf(server).logout(loggedOut.refreshToken)).status).toBe(204);
  await commandIn(site, 'keys revoke --all');
  await server.stop('SIGINT');

  await rm(database, { recursive: true });
  await cp(copy, database, { recursive: true });
  server = await startServer(site);
  await untilNoticed([server]);
  await expectStandstill(server, person, await jwksOf(server));
  const report = (await commandIn(site, 'restored')) as KeyReport;
  await server.ready();
  await expectNewLife(server, report, [person, loggedOut]);
  await clientOf(server).login(person);
  await server.stop('SIGINT');
  await storage.drop();
});
