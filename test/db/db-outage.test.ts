import { describe, expect, test } from 'vitest';
import { execute } from '../../src/db/statement.ts';
import { breakablePostgres, caught, heard, UNAVAILABLE } from '../support/breakable-postgres.ts';
import { administer } from '../support/postgres.ts';

const { open, proxy, url } = breakablePostgres();

describe('a PostgreSQL that is away', () => {
  test('opens all the same, is unavailable, and comes back', async () => {
    const door = await proxy();
    door.set('refuse');
    const database = await open([door]);
    await expect(heard(database.ping())).rejects.toMatchObject(UNAVAILABLE);
    await expect(heard(database.ping())).rejects.toMatchObject(UNAVAILABLE);
    door.set('open');
    await database.ping();
    expect(database.log.lines.map(({ message }) => message)).toEqual([
      'database is away',
      'database is back',
    ]);
  });

  test('is unavailable when nothing answers a new connection', async () => {
    const door = await proxy();
    door.set('silent');
    const database = await open([door]);
    await expect(heard(database.ping())).rejects.toMatchObject(UNAVAILABLE);
    door.set('open');
    await database.ping();
  });

  test('takes a statement with it, and the pool goes on', async () => {
    const door = await proxy();
    const database = await open([door]);
    await database.ping();
    const sleeping = caught(execute(database.db, 'select pg_sleep(60)'));
    door.set('refuse');
    expect(await heard(sleeping)).toMatchObject(UNAVAILABLE);
    await expect(heard(database.insert())).rejects.toMatchObject(UNAVAILABLE);
    door.set('open');
    await database.insert();
  });

  test('between COMMIT and its answer leaves the caller with a 503', async () => {
    const door = await proxy();
    const database = await open([door]);
    await execute(database.db, 'create table committed (n int)');
    door.cutAfter('commit\0');
    const work = database.transaction((tx) => execute(tx, 'insert into committed values (1)'));
    await expect(work).rejects.toMatchObject(UNAVAILABLE);
    const direct = await open();
    const rows = async () => (await execute(direct.db, 'select n from committed')).rows;
    await expect.poll(rows).toEqual([{ n: 1 }]);
  });

  test('in the middle of a transaction undoes it', async () => {
    const door = await proxy();
    const database = await open([door]);
    await execute(database.db, 'create table cut (n int)');
    const work = database.transaction(async (tx) => {
      await execute(tx, 'insert into cut values (1)');
      door.set('refuse');
      await execute(tx, 'insert into cut values (2)');
    });
    await expect(work).rejects.toMatchObject(UNAVAILABLE);
    door.set('open');
    expect((await execute(database.db, 'select n from cut')).rows).toEqual([]);
  });

  test('in the middle of a transaction is waited for once, not for its end as well', async () => {
    const door = await proxy();
    const database = await open([door]);
    const began: number[] = [];
    const work = database.transaction(async (tx) => {
      await execute(tx, 'select 1');
      door.set('silent');
      began.push(performance.now());
      await execute(tx, 'select 2');
    });
    await expect(heard(work)).rejects.toMatchObject(UNAVAILABLE);
    // A statement is given 5 s; its ROLLBACK would be given as many.
    expect(performance.now() - (began[0] ?? 0)).toBeLessThan(9000);
    door.set('open');
    await database.ping();
  });

  test('ends idle and busy connections without ending the process', async () => {
    const database = await open();
    await database.ping();
    const end = `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'keyturn' and datname = current_database()`;
    await administer(url(), end);
    const answers = () => database.ping().then(() => 'answers');
    await expect.poll(answers).toBe('answers');
    const sleeping = caught(execute(database.db, 'select pg_sleep(60)'));
    const busy = `select count(*)::int as n from pg_stat_activity where query like '%pg_sleep(60)'
      and application_name = 'keyturn' and datname = current_database() and state = 'active'`;
    const other = await open();
    await expect.poll(async () => (await execute(other.db, busy)).rows[0]).toEqual({ n: 1 });
    await administer(url(), end);
    expect(await sleeping).toMatchObject(UNAVAILABLE);
  });

  test('can be closed while it is silent', async () => {
    const door = await proxy();
    const database = await open([door]);
    await database.ping();
    door.set('silent');
    await heard(database.close());
    await expect(heard(database.ping())).rejects.toMatchObject(UNAVAILABLE);
  });
});
