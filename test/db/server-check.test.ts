import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkServer } from '../../src/db/server-check.ts';
import { newDirectory, openStorage, recordedLog } from '../support/databases.ts';
import { administer, createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { runCommand, siteOn } from '../support/server-process.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Has the database say what `settings` says, as if the server were set so. */
async function pretend(settings: Readonly<Record<string, string>>): Promise<void> {
  const cases = Object.entries(settings).map(([name, value]) => `when '${name}' then '${value}'`);
  await administer(database.url, 'create schema if not exists pretence');
  await administer(
    database.url,
    `create or replace function pretence.current_setting(name text) returns text language sql as $$
       select case name ${cases.join(' ')} else pg_catalog.current_setting(name) end $$`,
  );
  const { pathname } = new URL(database.url);
  await administer(
    database.url,
    `alter database ${pathname.slice(1)} set search_path = pretence, public, pg_catalog`,
  );
}

const SAFE = { fsync: 'on', full_page_writes: 'on', synchronous_commit: 'on' };

/** What is said of a server with these settings. */
async function warningsOf(settings: Readonly<Record<string, string>>) {
  await pretend({ ...SAFE, ...settings });
  const log = recordedLog();
  const opened = await openStorage(
    { url: database.url, dataDir: await newDirectory(), drop: async () => {} },
    { log },
  );
  try {
    await checkServer(opened);
  } finally {
    await opened.close();
  }
  return log.lines.filter(({ level }) => level === 'warn');
}

describe('PostgreSQL', () => {
  test('that is safe earns no warning', async () => {
    expect(await warningsOf({})).toEqual([]);
    expect(await warningsOf({ synchronous_commit: 'remote_write' })).toEqual([]);
    expect(await warningsOf({ server_version_num: '150000' })).toEqual([]);
  });

  test.each(Object.keys(SAFE))('with %s off is warned of', async (setting) => {
    const lines = await warningsOf({ [setting]: 'off' });
    expect(lines).toEqual([
      expect.objectContaining({ fields: { setting }, message: expect.stringContaining(setting) }),
    ]);
  });

  test.each(['serve', 'migrate'])('before 15 is refused by %s with 78', async (command) => {
    await pretend({ server_version_num: '140018', server_version: '14.18 (Debian)' });
    const site = await siteOn({ url: database.url, dataDir: await newDirectory() });
    const { status, stderr } = await runCommand([command], site);
    expect(status).toBe(78);
    expect(stderr).toContain('PostgreSQL 14.18 (Debian): Keyturn needs PostgreSQL 15 or newer.');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
