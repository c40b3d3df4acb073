import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { todosMigrations } from '../../migrations/todos/index.ts';
import { clientOf } from '../support/client.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  emptySite,
  runCommand,
  type Site,
  siteOn,
  startServer,
} from '../support/server-process.ts';

const ALL = [...Object.keys(issuerMigrations), ...Object.keys(todosMigrations)];

/** Runs it; the tests' PostgreSQL does not wait for the disk, of which it warns each time. */
async function migrate(options: readonly string[], site: Site) {
  const result = await runCommand(['migrate', ...options], site);
  const lines = result.stderr.split('\n').filter((line) => !line.includes('"setting":'));
  return { ...result, stderr: lines.join('\n') };
}

describe.each(DRIVERS)('keyturn migrate on $name', ({ create }) => {
  test('applies what is missing, says what it was, and does nothing the second time', async () => {
    const storage = await create();
    const site = await siteOn(storage);
    const first = await migrate([], site);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toMatch(new RegExp(`^Applied ${ALL.length}: .+\\.\n$`));
    for (const name of ALL) expect(first.stdout).toContain(name);

    const second = await migrate([], site);
    expect(second).toMatchObject({
      status: 0,
      stdout: 'The database is up to date.\n',
      stderr: '',
    });
    const third = await migrate(['--json'], site);
    expect(third).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(third.stdout)).toEqual({ applied: [] });

    // A server that starts finds nothing to do, and the command works while it runs.
    const server = await (await startServer(site)).ready();
    expect(server.said.stdout).not.toContain('"migrations":');
    await clientOf(server).register();
    const beside = await migrate(['--json'], site);
    expect(beside).toMatchObject({ status: 0, stdout: '{"applied":[]}\n', stderr: '' });
    await server.stop('SIGINT');
    await storage.drop();
  });
});

test('two keyturn migrate at once apply each migration once', async () => {
  const database = await createTestDatabase();
  const dataDir = join(await newDirectory(), 'data');
  const site = await siteOn({ url: database.url, dataDir });
  const both = await Promise.all([
    runCommand(['migrate', '--json'], site),
    runCommand(['migrate', '--json'], site),
  ]);
  expect(both.map(({ status }) => status)).toEqual([0, 0]);
  const applied = both.flatMap(({ stdout }) => JSON.parse(stdout).applied);
  expect(applied.map((name: string) => name.replace(/^\w+\//, '')).sort()).toEqual(ALL.sort());
  await database.drop();
});

test('keyturn migrate without its database asks to try again later', async () => {
  const site = await emptySite({ DATABASE_URL: 'postgres://keyturn:s3cret-pass@127.0.0.1:1/none' });
  const plain = await migrate([], site);
  expect(plain).toMatchObject({ status: 75, stdout: '' });
  expect(plain.stderr).toMatch(/^keyturn migrate: .*database/m);
  const { status, stdout, stderr } = await migrate(['--json'], site);
  expect(status).toBe(75);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'unavailable' } });
  expect(plain.stderr + stdout + stderr).not.toContain('s3cret-pass');
});
