import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { clientOf, type SignedIn } from '../support/client.ts';
import { KEY } from '../support/config.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { administer, createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import {
  type Env,
  logLines,
  runCommand,
  type Site,
  siteOn,
  startServer,
} from '../support/server-process.ts';

let database: TestDatabase;
let site: Site;
let keys: string;
let somebody: SignedIn;

/** Somebody has registered, and the server was stopped. */
beforeEach(async () => {
  database = await createTestDatabase();
  const dataDir = join(await newDirectory(), 'data');
  site = await siteOn({ url: database.url, dataDir });
  keys = join(site.cwd, 'keys');
  const server = await (await startServer(site)).ready();
  somebody = await clientOf(server).register();
  await server.stop('SIGINT');
});
afterEach(() => database.drop());

/** A start that is refused; what it printed for people. */
async function refused(env: Env = {}): Promise<string> {
  const { status, stdout, stderr } = await runCommand(['serve'], {
    ...site,
    env: { ...site.env, ...env },
  });
  expect({ status, stderr }).toEqual({ status: 78, stderr: expect.stringMatching(/^Keyturn/) });
  // What is for programs stays so.
  logLines(stdout);
  return stderr;
}

/** Mended, all is as before: the keys, and the sessions. */
async function expectAsBefore() {
  const server = await (await startServer(site)).ready();
  await clientOf(server).me(somebody).expect(200);
  await clientOf(server).refresh(somebody.refreshToken).expect(200);
  await server.stop('SIGINT');
}

test('a missing key-encryption key is named, and no other is made in its place', async () => {
  const aside = `${keys}-aside`;
  await rename(keys, aside);
  const complaint = await refused();
  expect(complaint).toMatch(
    /key-encryption key [\w-]{12}, which is not among those given \(none\)/,
  );
  expect(existsSync(keys)).toBe(false);

  await mkdir(keys, { mode: 0o700 });
  await writeFile(join(keys, '0002.key'), `${KEY}\n`, { mode: 0o600 });
  expect(await refused()).toContain(/key-encryption key ([\w-]{12})/.exec(complaint)?.[1]);
  expect(readdirSync(keys)).toEqual(['0002.key']);

  await rm(keys, { recursive: true });
  await rename(aside, keys);
  await expectAsBefore();
});

test('a key-encryption key that others can read is refused with the chmod that mends it', async () => {
  const file = join(keys, '0001.key');
  await chmod(file, 0o640);
  expect(await refused()).toContain(`chmod 600 ${file}`);
  await chmod(file, 0o600);
  await expectAsBefore();
});

test('a malformed key-encryption key is named and not shown', async () => {
  const text = 'not-32-bytes-but-secret-all-the-same';
  await writeFile(join(keys, '0002.key'), text, { mode: 0o600 });
  expect(await refused()).toContain(join(keys, '0002.key'));
  const file = join(site.cwd, 'mounted-secret');
  await writeFile(file, text);
  const complaints = [
    await refused(),
    await refused({ KEYS_DIR: undefined, KEY_ENCRYPTION_KEY_FILE: file }),
    await refused({ KEYS_DIR: undefined, KEY_ENCRYPTION_KEY: text }),
  ];
  expect(complaints.join('\n')).not.toContain(text);
  expect(complaints[1]).toContain(file);
  await rm(join(keys, '0002.key'));
  await expectAsBefore();
});

test('users without signing keys refuse to start, and no new keys are made', async () => {
  await administer(database.url, 'delete from signing_keys');
  expect(await refused()).toMatch(/users but no signing keys/);
  expect(await refused()).toMatch(/users but no signing keys/);
});

test('a signing key that was altered in the database is named, and not published', async () => {
  await administer(
    database.url,
    `update signing_keys as one set sealed_private_key = null, public_jwk = other.public_jwk
     from signing_keys as other where other.kid <> one.kid`,
  );
  expect(await refused()).toMatch(/The signing key [\w-]+ in the database was altered/);
});

test('production makes no key-encryption key by itself', async () => {
  const empty = await createTestDatabase();
  const env = { NODE_ENV: 'production', ISSUER_URL: 'https://id.example.com', RATE_LIMIT: 'on' };
  await rm(keys, { recursive: true });
  expect(await refused({ ...env, DATABASE_URL: empty.url })).toMatch(/openssl rand 32/);
  expect(existsSync(keys)).toBe(false);
  await empty.drop();
});

test('keys that are refused are told with all other faults, and before the database is touched', async () => {
  const empty = await createTestDatabase();
  await writeFile(join(keys, '0002.key'), 'short', { mode: 0o600 });
  const bad = { DATABASE_URL: empty.url, KEY_BITS: '1024' };
  for (const complaint of [await refused(bad), await refused({ DATABASE_URL: empty.url })]) {
    expect(complaint.match(/^Keyturn cannot start/gm)).toHaveLength(1);
    expect(complaint).toMatch(/^ {2}KEYS_DIR: .*0002\.key is not 32 bytes/m);
  }
  expect(await refused(bad)).toMatch(/^ {2}KEY_BITS: /m);
  // Nothing of that name is there yet.
  await administer(empty.url, 'create table signing_keys ()');
  await empty.drop();
});

test('a DATA_DIR that another server holds is refused with 75, naming its process', async () => {
  const [, embedded] = DRIVERS;
  if (!embedded) throw new Error('no embedded database');
  const storage = await embedded.create();
  const here = await siteOn(storage);
  const holder = await (await startServer(here)).ready();
  const { status, stdout, stderr } = await runCommand(['serve'], here);
  expect(status).toBe(75);
  expect(stderr).toContain(`process ${holder.pid}`);
  expect(stderr).toContain('DATA_DIR');
  expect(logLines(stdout).at(-1)).toMatchObject({ level: 'fatal' });
  await clientOf(holder).register();
  expect((await holder.stop('SIGINT')).status).toBe(0);
  await storage.drop();
});
