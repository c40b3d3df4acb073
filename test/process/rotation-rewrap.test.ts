import { randomBytes } from 'node:crypto';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { parseKeyEncryptionKey } from '../../src/issuer/keys/key-encryption-key.ts';
import { clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  MAIN,
  replicaOf,
  type ServerProcess,
  type Site,
  siteOn,
  startNode,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';
import { commandIn, say } from '../support/verifiers/in-process.ts';

/** A lease that outlasts what a busy machine stands still for: answers are 200 at once here. */
const TIMES = { KEY_LEASE: '10s', SELF_CHECK: 'off' };

/** Adds a key whose name comes last. @returns its id */
async function addKey(site: Site): Promise<string> {
  const text = randomBytes(32).toString('base64url');
  await writeFile(join(String(site.env.KEYS_DIR), '0002.key'), text, { mode: 0o600 });
  return parseKeyEncryptionKey(text, 'the test').id;
}

const dropFirstKey = (site: Site) => rm(join(String(site.env.KEYS_DIR), '0001.key'));

const restarted = async (server: ServerProcess, site: Site): Promise<ServerProcess> => {
  expect((await server.stop('SIGINT')).status).toBe(0);
  return (await startServer(site)).ready();
};

const rewrap = async (site: Site) => {
  const { status, stdout } = await say('keys rewrap --json', site);
  expect(status).toBe(0);
  return JSON.parse(stdout);
};

test('another key-encryption key takes over on two replicas, and no session notices', async () => {
  const { url, drop } = await createTestDatabase();
  const site = await siteOn({ url, dataDir: await newDirectory() }, TIMES);
  let first = await (await startServer(site)).ready();
  const replica = await replicaOf(site);
  const other = {
    ...replica,
    env: { ...replica.env, KEYS_DIR: join(await newDirectory(), 'keys') },
  };
  await cp(String(site.env.KEYS_DIR), other.env.KEYS_DIR, { recursive: true });
  let second = await (await startServer(other)).ready();
  let { refreshToken } = await clientOf(first).register();
  const refreshAt = async (server: ServerProcess) => {
    const { status, body } = await clientOf(server).refresh(refreshToken);
    expect(status).toBe(200);
    refreshToken = body.refresh_token;
  };

  const newId = await addKey(site);
  first = await restarted(first, site);
  // Nothing is sealed under it before the rewrap, so the other replica lacks nothing.
  expect(await commandIn(site, 'keys rotate --force')).toMatchObject({ changed: true });
  await refreshAt(second);
  // Three private keys, and the secrets of the refresh tokens and of the outbox.
  expect(await rewrap(site)).toMatchObject({ rewrapped: 5, sealed_under: newId });
  expect(await rewrap(site)).toMatchObject({ rewrapped: 0, sealed_under: newId });

  const detail = await vi.waitUntil(async () => {
    const response = await fetch(`${second.url}/readyz`);
    return response.status === 503 && ((await response.json()) as { detail: string }).detail;
  }, WAIT);
  expect(detail).toContain(`the key-encryption key ${newId} is missing here`);
  // What it holds open it goes on with.
  await refreshAt(second);
  await second.stop('SIGINT');
  const refused = await startNode([MAIN, 'serve'], other).ended;
  expect(refused.status).toBe(78);
  expect(refused.stderr).toContain(newId);

  await cp(String(site.env.KEYS_DIR), other.env.KEYS_DIR, { recursive: true });
  await dropFirstKey(site);
  await dropFirstKey(other);
  second = await (await startServer(other)).ready();
  first = await restarted(first, site);
  await refreshAt(first);
  await refreshAt(second);
  expect(await commandIn(other, 'keys rotate --force')).toMatchObject({ changed: true });
  await refreshAt(first);
  await first.stop('SIGINT');
  await second.stop('SIGINT');
  await drop();
});

test('another key-encryption key takes over on the embedded database', async () => {
  const storage = await embeddedDriver().create();
  const site = await siteOn(storage, TIMES);
  let server = await (await startServer(site)).ready();
  const person = await clientOf(server).register();
  const newId = await addKey(site);
  const early = await say('keys rewrap --json', site);
  expect(early.status).toBe(1);
  expect(JSON.parse(early.stdout).error).toMatchObject({
    code: 'key_encryption_key_unread',
    detail: expect.stringMatching(/0002\.key .*Restart the server/),
  });
  server = await restarted(server, site);
  expect(await rewrap(site)).toMatchObject({ rewrapped: 4, sealed_under: newId });
  await dropFirstKey(site);
  server = await restarted(server, site);
  expect((await clientOf(server).refresh(person.refreshToken)).status).toBe(200);
  await server.stop('SIGINT');
  await storage.drop();
});
