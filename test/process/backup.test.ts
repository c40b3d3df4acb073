import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bearer, clientOf, type SignedIn } from '../support/client.ts';
import { newDirectory, type Storage } from '../support/databases.ts';
import { blockOf, readPage } from '../support/markdown.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';
import { startToolServer, type ToolServer } from '../support/postgres-tools.ts';
import {
  runCommand,
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
} from '../support/server-process.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';
import { restoreDump, takeDump } from '../support/verifiers/dump.ts';

const PAGE = readPage('docs/operations.md');

/** Runs a block of the page, as whoever reads it would. */
async function follow(block: string, site: Site, cwd: string, env: Record<string, string> = {}) {
  const path = [env.BIN, process.env.PATH].filter(Boolean).join(':');
  await promisify(execFile)('/bin/sh', ['-euc', blockOf(PAGE, `sh ${block}`)], {
    cwd,
    env: { ...site.env, ...env, PATH: path },
  });
}

const todosOf = (server: ServerProcess, { accessToken }: SignedIn) =>
  clientOf(server).get('/api/users/me/todos', bearer(accessToken));

/** Somebody with a todo, a used refresh token and its successor. */
async function liveOn(server: ServerProcess): Promise<SignedIn & { readonly used: string }> {
  const client = clientOf(server);
  const person = await client.register();
  const todo = { title: 'back up' };
  const made = await client.post('/api/users/me/todos', todo, bearer(person.accessToken));
  expect(made.status).toBe(201);
  const next = await client.refresh(person.refreshToken);
  expect(next.status).toBe(200);
  return { ...person, used: person.refreshToken, refreshToken: next.body.refresh_token };
}

/** Nobody can tell that this is another server. */
async function expectSameLife(server: ServerProcess, person: SignedIn & { readonly used: string }) {
  const client = clientOf(server);
  expect((await client.me(person)).status).toBe(200);
  expect((await todosOf(server, person)).body.todos).toMatchObject([{ title: 'back up' }]);
  const replayed = await client.refresh(person.used);
  expect(replayed.body.refresh_token).toBe(person.refreshToken);
  const next = await client.refresh(person.refreshToken);
  expect(next.status).toBe(200);
  expect((await client.me({ accessToken: next.body.access_token })).status).toBe(200);
  await client.login(person);
}

const jwksOf = async ({ url }: ServerProcess): Promise<string[]> => {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as {
    keys: { kid: string }[];
  };
  return keys.map(({ kid }) => kid);
};

/** The commands that a page shows together, from the first of them on, as words. */
const commandsOf = (page: string, first: string): string[][] =>
  (new RegExp(`^ +${first}\\n(?: +keyturn .+\\n)+`, 'm').exec(page)?.[0] ?? expect.fail())
    .trim()
    .split(/\n\s*/)
    .map((line) => line.split(' ').slice(1));

/** Another machine: a memory of its own, and no keys yet. */
const elsewhere = async (storage: Pick<Storage, 'url' | 'dataDir'>): Promise<Site> =>
  siteOn(storage, { SELF_CHECK: 'off' });

describe('a backup of PostgreSQL', () => {
  let tools: ToolServer | undefined;
  beforeAll(async () => {
    tools = await startToolServer();
  });
  afterAll(() => tools?.stop());

  const createDatabase = async (name: string): Promise<string> =>
    (await tools?.createDatabase(name)) ?? (await createTestDatabase()).url;

  /** By the commands of the page; where this machine has no tools, by the rows alone. */
  async function move(from: Site, to: Site): Promise<() => Promise<void>> {
    const cwd = await newDirectory();
    if (tools) {
      const env = { BIN: tools.bin };
      await follow('backup', from, cwd, env);
      return () => follow('restore', to, cwd, env);
    }
    const dump = await takeDump(String(from.env.DATABASE_URL));
    return async () => {
      await runCommand(['migrate'], to);
      await restoreDump(String(to.env.DATABASE_URL), dump);
      await promisify(execFile)('cp', ['-a', String(from.env.KEYS_DIR), String(to.env.KEYS_DIR)]);
    };
  }

  const newSite = async (name: string): Promise<Site> => {
    const url = await createDatabase(name);
    return elsewhere({ url, dataDir: join(await newDirectory(), 'data') });
  };

  test('that is current goes on elsewhere as if nothing had happened', async () => {
    const [here, there] = [await newSite('current'), await newSite('moved')];
    const server = await (await startServer(here)).ready();
    const person = await liveOn(server);
    await server.stop('SIGINT');
    const restore = await move(here, there);
    await restore();
    const moved = await (await startServer(there)).ready();
    await expectSameLife(moved, person);
    await moved.stop('SIGINT');
  });

  test('that is older brings back what had ended, until `restored` has run', async () => {
    const [here, there] = [await newSite('older'), await newSite('restored')];
    const server = await (await startServer(here)).ready();
    const [leaver, stayer] = [await liveOn(server), await liveOn(server)];
    const restore = await move(here, there);
    expect((await clientOf(server).logout(leaver.refreshToken)).status).toBe(204);
    const later = await clientOf(server).refresh(stayer.refreshToken);
    await server.stop('SIGINT');
    await restore();

    const old = await (await startServer(there)).ready();
    const client = clientOf(old);
    // No key has changed since, so that nothing is noticed.
    expect((await client.me(leaver)).status).toBe(200);
    const lost = await client.refresh(later.body.refresh_token);
    expect(lost.body.code).toBe('invalid_refresh_token');
    const command = await runCommand(['restored'], there);
    expect(command).toMatchObject({ status: 0 });
    expect((await client.me(leaver)).status).toBe(401);
    expect((await client.refresh(leaver.refreshToken)).status).toBe(401);
    expect((await client.login(leaver)).userId).toBe(leaver.userId);
    await old.stop('SIGINT');
  });

  test('that is older is never served where `restored` has run before the start', async () => {
    const [here, there] = [await newSite('served'), await newSite('unserved')];
    const server = await (await startServer(here)).ready();
    const [leaver, known] = [await liveOn(server), await jwksOf(server)];
    const restore = await move(here, there);
    await server.stop('SIGINT');
    await restore();
    for (const words of commandsOf(PAGE, 'keyturn migrate')) {
      expect(await runCommand(words, there)).toMatchObject({ status: 0 });
    }

    const fresh = await (await startServer(there)).ready();
    const client = clientOf(fresh);
    for (const kid of await jwksOf(fresh)) expect(known).not.toContain(kid);
    expect((await client.me(leaver)).status).toBe(401);
    expect((await client.refresh(leaver.refreshToken)).status).toBe(401);
    expect((await client.login(leaver)).userId).toBe(leaver.userId);
    await fresh.stop('SIGINT');
  });

  test('a role that may only read and write rows is enough to serve', async () => {
    const site = await newSite('roles');
    expect(await runCommand(['migrate'], site)).toMatchObject({ status: 0 });
    const url = new URL(String(site.env.DATABASE_URL));
    const [role = ''] = /keyturn_app/.exec(PAGE) ?? [];
    const grants = blockOf(PAGE, 'sql').replace('LOGIN', "LOGIN PASSWORD 'password'");
    await administer(url.href, `drop role if exists ${role}; ${grants}`);
    Object.assign(url, { username: role, password: 'password' });
    const limited = { ...site, env: { ...site.env, DATABASE_URL: url.href } };
    const server = await (await startServer(limited)).ready();
    await expectSameLife(server, await liveOn(server));
    const altering = administer(url.href, 'alter table users add column role text');
    await expect(altering).rejects.toThrow('must be owner');
    await server.stop('SIGINT');
    // A newer release, started before its migration.
    const owner = String(site.env.DATABASE_URL);
    await administer(owner, "delete from issuer_migrations where name like '0008%'");
    expect(await runCommand(['serve'], limited)).toMatchObject({
      status: 1,
      stdout: expect.not.stringContaining('stack'),
      stderr: expect.stringContaining('run keyturn migrate as the owner of its tables first'),
    });
    await administer(owner, `drop owned by ${role}; drop role ${role}`);
  });
});

test('a backup of the embedded database goes on elsewhere', async () => {
  const storage = await embeddedDriver().create();
  const here = await elsewhere(storage);
  const server = await (await startServer(here)).ready();
  const person = await liveOn(server);
  await server.stop('SIGINT');
  const backup = { BACKUP: await newDirectory() };
  await follow('embedded backup', here, here.cwd, backup);
  await storage.drop();

  const there = await elsewhere({ url: undefined, dataDir: join(await newDirectory(), 'data') });
  await follow('embedded restore', there, there.cwd, backup);
  const moved = await (await startServer(there)).ready();
  await expectSameLife(moved, person);
  await moved.stop('SIGINT');
});
