import { globSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFirstKeyEncryptionKey } from '../../src/issuer/keys/key-encryption-key.ts';
import { clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { logLines, replicaOf, siteOn, startServer } from '../support/server-process.ts';

const REPLICAS = 10;

test('ten replicas that start at once on an empty database are as one', async () => {
  const database = await createTestDatabase();
  const site = await siteOn({ url: database.url, dataDir: join(await newDirectory(), 'data') });
  const sites = await Promise.all(Array.from({ length: REPLICAS }, () => replicaOf(site)));
  const servers = await Promise.all(sites.map(startServer));
  await Promise.all(servers.map((server) => server.ready()));

  // One key-encryption key, one migration, one pair of signing keys.
  expect(globSync('keys/*', { cwd: site.cwd })).toEqual(['keys/0001.key']);
  const clients = servers.map(clientOf);
  const sets = await Promise.all(
    clients.map(async (client) => (await client.get('/.well-known/jwks.json')).body),
  );
  expect(sets[0].keys).toHaveLength(2);
  expect(sets).toEqual(Array(REPLICAS).fill(sets[0]));

  // Everybody's access token and refresh token is good everywhere.
  const people = await Promise.all(clients.map((client) => client.register()));
  for (const [i, somebody] of people.entries()) {
    const next = clients[(i + 1) % REPLICAS] ?? clientOf({ url: '' });
    await Promise.all(clients.map((client) => client.me(somebody).expect(200)));
    await next.refresh(somebody.refreshToken).expect(200);
  }

  const ends = await Promise.all(servers.map((server) => server.stop('SIGINT')));
  expect(ends.map(({ status }) => status)).toEqual(Array(REPLICAS).fill(0));
  const migrated = ends
    .flatMap(({ stdout }) => logLines(stdout))
    .filter((line) => 'migrations' in line);
  expect(migrated.map((line) => line.database).sort()).toEqual(['issuer', 'todos']);
  await database.drop();
});

test('of many who make the first key-encryption key at once one does', async () => {
  for (let round = 0; round < 20; round++) {
    const directory = join(await newDirectory(), 'keys');
    const makers = Array.from({ length: 8 }, () => makeFirstKeyEncryptionKey(directory));
    const found = (await Promise.all(makers)).map((keys) => keys.map(({ id }) => id));
    expect(found).toEqual(Array(8).fill([expect.any(String)]));
    expect(new Set(found.flat()).size).toBe(1);
    expect(globSync('{.,}*', { cwd: directory })).toEqual(['0001.key']);
  }
});
