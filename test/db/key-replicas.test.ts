import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LISTENER_NAME } from '../../src/db/listen.ts';
import type { Issuer } from '../../src/issuer/issuer.ts';
import { revokeCommand, rewrapCommand, rotateCommand } from '../../src/issuer/keys/commands.ts';
import { DRIVERS, newDirectory, type TestDriver } from '../support/databases.ts';
import { deafPostgres } from '../support/deaf-postgres.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { createTestDatabase, serverUrl } from '../support/postgres.ts';

/** Long before a replica reads its keys by itself, every 150 s under the lease of these tests. */
const SOON = { timeout: 60_000 };
const FORCE = { force: true, ifDue: false, dryRun: false };

const [postgres] = DRIVERS as readonly [TestDriver];

/** Starts replicas, each by its URL of one database. */
async function replicas(urls: (url: string) => string[], env: Record<string, string> = {}) {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  const keys = join(await newDirectory(), 'keys');
  const started: TestKeyturn[] = [];
  onTestFinished(async () => {
    await Promise.all(started.map((replica) => replica.close()));
  });
  for (const url of urls(database.url)) {
    const dataDir = join(await newDirectory(), 'data');
    const create = async () => ({ url, dataDir, drop: async () => {} });
    const options = { env: { KEYS_DIR: keys, KEY_LEASE: '10m', ...env } };
    started.push(await startKeyturn({ ...postgres, create }, options));
  }
  const [one, other] = started;
  if (!one || !other) throw new Error('two replicas are wanted');
  return { one, other };
}

function issuerOf({ parts }: TestKeyturn): Issuer {
  if (!parts.issuer) throw new Error('there is no issuer');
  return parts.issuer;
}

const rotate = (replica: TestKeyturn) => rotateCommand(issuerOf(replica).transitions, FORCE);

/** The kids that a replica publishes, in order. */
async function published({ url }: TestKeyturn): Promise<string[]> {
  const response = await fetch(`${url}/.well-known/jwks.json`);
  const { keys } = (await response.json()) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

const listeners = (replica: TestKeyturn) =>
  replica.sql<{ pid: number }>(
    `select pid from pg_stat_activity
     where application_name = $1 and datname = current_database() order by pid`,
    [LISTENER_NAME],
  );

/** Waits until every replica hears: a change before that would be found by its first reading. */
const untilHeard = (replica: TestKeyturn, count = 2) =>
  expect.poll(async () => (await listeners(replica)).length, SOON).toBe(count);

test('a rotation is seen on another replica at once', async () => {
  const { one, other } = await replicas((url) => [url, url]);
  await untilHeard(one);
  const { active, next } = await rotate(one);
  await expect.poll(() => published(other), SOON).toContain(next);
  expect((await published(other))[0]).toBe(active);
  expect(
    issuerOf(other)
      .keyring.known()
      .map(({ kid }) => kid),
  ).toContain(next);
});

test('a revoked key is gone from every replica at once', async () => {
  const { one, other } = await replicas((url) => [url, url]);
  await untilHeard(one);
  const [stolen] = await published(other);
  await revokeCommand(issuerOf(one).transitions, { kid: stolen, immediately: false });
  await expect.poll(() => published(other), SOON).not.toContain(stolen);
  expect(await published(other)).toHaveLength(3);
  const token = await issuerOf(other).keyring.sign('{}');
  const header = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
  expect(header.kid).not.toBe(stolen);
});

test('what changes while the connection is cut is seen when it is back', async () => {
  const { one, other } = await replicas((url) => [url, url]);
  await untilHeard(one);
  const before = (await listeners(one)).map(({ pid }) => pid);
  await one.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = $1 and datname = current_database()`,
    [LISTENER_NAME],
  );
  const first = await rotate(one);
  await expect.poll(() => published(other), SOON).toContain(first.next);
  await untilHeard(one);
  for (const { pid } of await listeners(one)) expect(before).not.toContain(pid);
  const { kid } = (await issuerOf(other).keyring.canaries(other.clock.now()))[0] ?? {};
  await revokeCommand(issuerOf(one).transitions, { kid, immediately: true });
  await expect.poll(() => published(other), SOON).not.toContain(kid);
});

test('a new seal is notified as well, and nothing when there is none', async () => {
  const { one } = await replicas((url) => [url, url]);
  const heard: string[] = [];
  const { database } = one.parts;
  const watched = { ...database, notify: async (channel: string) => void heard.push(channel) };
  const deps = { ...issuerOf(one).transitions, database: watched };
  expect(await rewrapCommand(deps)).toMatchObject({ rewrapped: 0 });
  expect(heard).toEqual([]);
  const sealedUnder = () => 'an older key-encryption key';
  const { rewrapped } = await rewrapCommand({ ...deps, sealer: { ...deps.sealer, sealedUnder } });
  expect(rewrapped).toBeGreaterThan(0);
  expect(heard).toEqual(['keyturn_keys']);
});

test('where nothing can be heard, the change is read', async () => {
  const server = new URL(await serverUrl());
  const deaf = await deafPostgres(Number(server.port || 5432));
  onTestFinished(deaf.close);
  const garbled = (url: string) => Object.assign(new URL(url), { port: String(deaf.port) }).href;
  const { one, other } = await replicas((url) => [url, garbled(url)], { KEY_LEASE: '1s' });
  await expect.poll(() => deaf.refused, SOON).toBe(1);
  const { next } = await rotate(one);
  await expect.poll(() => published(other), SOON).toContain(next);
  expect(deaf.refused).toBe(1);
  await untilHeard(one, 1);
  const line = 'this database does not notify; polling does without';
  expect(other.lines.filter((text) => text.includes(line))).toHaveLength(1);
});

test('listening ends when the server does', async () => {
  const { one, other } = await replicas((url) => [url, url]);
  await untilHeard(one);
  await other.close();
  await untilHeard(one, 1);
});
