import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { migrate, pendingMigrations } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { DRIVERS, openStorage } from '../support/databases.ts';

const FIRST = 'create table a (n int);\ncreate index a_n on a (n);';
const SECOND = 'insert into a values (1)';

describe.each(DRIVERS)('migrations on $name', ({ open, create, kind }) => {
  async function fresh() {
    const database = await open();
    onTestFinished(() => database.close());
    return database;
  }
  const count = async (database: Database) => {
    const { rows } = await execute<{ n: number }>(database.db, 'select count(*)::int as n from a');
    return rows[0]?.n;
  };

  test('run once each, in the order of their names', async () => {
    const database = await fresh();
    const scripts = { '0002-second': SECOND, '0001-first': FIRST };
    const names = ['0001-first', '0002-second'];
    expect(await pendingMigrations(database, 'issuer', scripts)).toEqual(names);
    expect(await migrate(database, 'issuer', scripts)).toEqual(names);
    expect(await migrate(database, 'issuer', scripts)).toEqual([]);
    expect(await pendingMigrations(database, 'issuer', scripts)).toEqual([]);
    expect(await count(database)).toBe(1);
    const more = { ...scripts, '0003-third': 'insert into a values (2)' };
    expect(await migrate(database, 'issuer', more)).toEqual(['0003-third']);
    expect(await count(database)).toBe(2);
  });

  test('of two sets do not meet', async () => {
    const database = await fresh();
    expect(await migrate(database, 'issuer', { '0001-first': FIRST })).toEqual(['0001-first']);
    const todos = { '0001-first': 'create table b (n int)' };
    expect(await migrate(database, 'todos', todos)).toEqual(['0001-first']);
    await expect(migrate(database, 'a; drop', {})).rejects.toThrow(/not a name/);
  });

  test('leave nothing behind when one fails', async () => {
    const database = await fresh();
    const scripts = { '0001-first': FIRST, '0002-second': 'insert into missing values (1)' };
    await expect(migrate(database, 'issuer', scripts)).rejects.toMatchObject({ code: '42P01' });
    expect(await pendingMigrations(database, 'issuer', scripts)).toHaveLength(2);
    const mended = { ...scripts, '0002-second': SECOND };
    expect(await migrate(database, 'issuer', mended)).toHaveLength(2);
  });

  test('name one whose text has changed, but for its line ends', async () => {
    const database = await fresh();
    await migrate(database, 'issuer', { '0001-first': FIRST });
    const windows = { '0001-first': FIRST.replaceAll('\n', '\r\n') };
    expect(await migrate(database, 'issuer', windows)).toEqual([]);
    const changed = { '0001-first': `${FIRST} `, '0002-second': SECOND };
    await expect(migrate(database, 'issuer', changed)).rejects.toThrow(/0001-first of issuer/);
    await expect(pendingMigrations(database, 'issuer', changed)).rejects.toThrow(/0001-first/);
    expect(await count(database)).toBe(0);
  });

  test('warn when the database is ahead', async () => {
    const database = await fresh();
    await migrate(database, 'issuer', { '0001-first': FIRST, '0002-second': SECOND });
    expect(await migrate(database, 'issuer', { '0001-first': FIRST })).toEqual([]);
    expect(database.log.lines).toMatchObject([
      { level: 'warn', fields: { migrations: ['0002-second'] } },
    ]);
  });

  test('run once though ten start at once', async () => {
    const storage = await create();
    const replicas = kind === 'postgres' ? 10 : 1;
    const databases = await Promise.all(
      Array.from({ length: replicas }, () => openStorage(storage)),
    );
    onTestFinished(async () => {
      await Promise.all(databases.map((database) => database.close()));
      await storage.drop();
    });
    const scripts = { '0001-first': FIRST, '0002-second': `select pg_sleep(0.2); ${SECOND}` };
    const starts = Array.from({ length: 10 }, (_, i) => databases[i % replicas] as Database);
    const applied = await Promise.all(starts.map((one) => migrate(one, 'issuer', scripts)));
    expect(applied.flat().sort()).toEqual(['0001-first', '0002-second']);
    expect(await count(databases[0] as Database)).toBe(1);
  });
});

const postgres = DRIVERS.filter(({ kind }) => kind === 'postgres');
describe.each(postgres)('migrations on a live $name', ({ open }) => {
  test('do not queue up behind whoever holds a table, and all others behind them', async () => {
    const database = await open();
    onTestFinished(() => database.close());
    const scripts = { '0001-first': FIRST };
    await migrate(database, 'issuer', scripts);
    const more = { ...scripts, '0002-second': 'alter table a add column m int' };
    const [held, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const dump = database.transaction(async (tx) => {
      await execute(tx, 'lock table a in access share mode');
      held.resolve();
      await done.promise;
    });
    await held.promise;
    await expect(migrate(database, 'issuer', more)).rejects.toMatchObject({ code: 'unavailable' });
    done.resolve();
    await dump;
    expect(await migrate(database, 'issuer', more)).toEqual(['0002-second']);
  });
});
