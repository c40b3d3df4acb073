import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Db } from '../../src/db/database.ts';
import { isUniqueViolation, StatementError } from '../../src/db/errors.ts';
import { execute } from '../../src/db/statement.ts';
import { DRIVERS, type OpenDatabase } from '../support/databases.ts';

type Tables = { things: { id: number; name: string; made: Date | null } };
const tables = (db: Db) => db.$extendTables<Tables>();

describe.each(DRIVERS)('a database on $name', ({ kind, open }) => {
  let database: OpenDatabase;
  beforeAll(async () => {
    database = await open();
    await execute(
      database.db,
      `create table things (id int primary key, name text not null, made timestamptz);
       create table parents (id int primary key);
       create table children (
         parent int references parents deferrable initially deferred)`,
    );
  });
  beforeEach(async () => {
    await execute(database.db, 'delete from things');
  });
  afterAll(() => database?.close());

  const insert = (db: Db, id: number, name = 'n') =>
    tables(db).insertInto('things').values({ id, name, made: null }).execute();
  const ids = async () => {
    const rows = await tables(database.db)
      .selectFrom('things')
      .select('id')
      .orderBy('id')
      .execute();
    return rows.map(({ id }) => id);
  };

  test('says what it is and what time it is', async () => {
    expect(database.kind).toBe(kind);
    await database.ping();
    expect(await database.time()).toBeInstanceOf(Date);
    expect(database.stats()).toMatchObject({ connections: 1, idle: 1, waiting: 0 });
  });

  test.each([
    ['timestamptz', new Date('2026-03-29T01:30:00.123Z')],
    ['timestamptz', new Date('1969-12-31T23:59:59.999Z')],
    ['bytea', Buffer.from([0, 255, 92, 39])],
    ['bytea', Buffer.alloc(0)],
    ['text', `it's "quoted" \\ ü 👩‍💻`],
    ['int', -5],
    ['float8', 0.1],
    ['boolean', true],
    ['boolean', false],
    ['uuid', '0190b1c0-0000-7000-8000-000000000000'],
    ['text', null],
    ['timestamptz', null],
    ['bytea', null],
  ])('takes and gives %s %s', async (type, value) => {
    const text = `select $1::${type} as value`;
    const { rows } = await execute<{ value: unknown }>(database.db, text, [value]);
    expect(rows).toEqual([{ value }]);
    if (Buffer.isBuffer(value)) expect(Buffer.isBuffer(rows[0]?.value)).toBe(true);
  });

  test('takes and gives jsonb, arrays and int8', async () => {
    const value = { a: [1, 'b', null], c: { d: true } };
    const text = `select $1::jsonb as json, 3::int8 as big, count(*)::int as small,
      '0190b1c0-0000-7000-8000-000000000000'::uuid = any($2::uuid[]) as found, $3::text[] as list`;
    const list = ['x', 'y "z"', ''];
    const parameters = [JSON.stringify(value), ['0190b1c0-0000-7000-8000-000000000000'], list];
    const { rows } = await execute(database.db, text, parameters);
    expect(rows).toEqual([{ json: value, big: '3', small: 1, found: true, list }]);
    const asObject = await execute(database.db, 'select $1::jsonb as json', [value]);
    expect(asObject.rows).toEqual([{ json: value }]);
  });

  test('counts the rows a statement touched', async () => {
    const db = database.db;
    const rows = `insert into things select n, 'n' from generate_series(1, $1::int) n returning id`;
    expect(await execute(db, rows, [3])).toEqual({
      rows: [{ id: 1 }, { id: 2 }, { id: 3 }],
      affected: 3,
    });
    const update = 'update things set name = $1 where id > $2';
    expect(await execute(db, update, ['m', 1])).toEqual({ rows: [], affected: 2 });
    expect(await execute(db, update, ['m', 9])).toEqual({ rows: [], affected: 0 });
    expect((await execute(db, 'select * from things where id > $1', [0])).affected).toBe(0);
    expect((await execute(db, 'delete from things')).affected).toBe(3);
    const built = await tables(db).deleteFrom('things').where('id', '=', 1).executeTakeFirst();
    expect(built.numDeletedRows).toBe(0n);
  });

  test('commits when the work returns, with its value', async () => {
    const value = await database.transaction(async (tx) => {
      await insert(tx, 1);
      expect(tx.isTransaction).toBe(true);
      return 'done';
    });
    expect(value).toBe('done');
    expect(await ids()).toEqual([1]);
  });

  test('undoes everything when the work throws, and goes on', async () => {
    const failing = database.transaction(async (tx) => {
      await insert(tx, 1);
      throw new Error('enough');
    });
    await expect(failing).rejects.toThrow('enough');
    await insert(database.db, 2);
    expect(await ids()).toEqual([2]);
  });

  test('does not pass off a transaction as committed that a swallowed error undid', async () => {
    const work = database.transaction(async (tx) => {
      await insert(tx, 1);
      await insert(tx, 1).catch(() => {});
    });
    await expect(work).rejects.toThrow(/rolled back/);
    expect(await ids()).toEqual([]);
  });

  test('undoes a transaction whose commit is refused, and goes on', async () => {
    const work = database.transaction((tx) => execute(tx, 'insert into children values ($1)', [7]));
    await expect(work).rejects.toMatchObject({ code: '23503' });
    expect((await execute(database.db, 'select * from children')).rows).toEqual([]);
  });

  test.each(['transaction', 'patientTransaction'] as const)(
    'throws when the outer database is used inside a %s, instead of hanging',
    async (method) => {
      const misuse = database[method](() => execute(database.db, 'select 1'));
      await expect(misuse).rejects.toThrow(/inside its own transaction/);
      const nested = database.transaction(() => database[method](async () => {}));
      await expect(nested).rejects.toThrow(/inside its own transaction/);
      await database.ping();
    },
  );

  test('lets what a transaction left running use the database afterwards', async () => {
    const over = Promise.withResolvers<void>();
    const later = await database.transaction(async () => ({
      done: over.promise.then(() => database.ping()),
    }));
    over.resolve();
    await later.done;
  });

  test('queues transactions that come at once', async () => {
    await insert(database.db, 1, '0');
    const addOne = () =>
      database.transaction(async (tx) => {
        const things = tables(tx);
        const { name } = await things
          .selectFrom('things')
          .select('name')
          .forUpdate()
          .executeTakeFirstOrThrow();
        await things
          .updateTable('things')
          .set({ name: String(Number(name) + 1) })
          .execute();
      });
    await Promise.all(Array.from({ length: 30 }, addOne));
    const { rows } = await execute(database.db, 'select name from things');
    expect(rows).toEqual([{ name: '30' }]);
  });

  test('names a violated constraint and none of the values', async () => {
    await insert(database.db, 1, 'secret-value');
    const error = await insert(database.db, 1, 'secret-value').catch((thrown) => thrown);
    expect(error).toBeInstanceOf(StatementError);
    expect(isUniqueViolation(error)).toBe(true);
    expect(isUniqueViolation(error, 'things_pkey')).toBe(true);
    expect(isUniqueViolation(error, 'other')).toBe(false);
    expect(Object.keys(error).sort()).toEqual(['code', 'constraint', 'name']);
    expect(isUniqueViolation(new Error('23505'))).toBe(false);
  });

  test.each([
    ['select $1::int', '22P02'],
    ['select $1::timestamptz', '22007'],
    ['select $1::jsonb', '22P02'],
    [`insert into things values (1, null, $1::text::timestamptz)`, '22007'],
  ])('keeps the value out of the error of %s', async (text, code) => {
    const error = await execute(database.db, text, ['secret-value']).catch((thrown) => thrown);
    expect(error).toMatchObject({ code });
    expect(JSON.stringify([error.message, error.stack, error, error.cause])).not.toContain(
      'secret-value',
    );
  });

  test('keeps a row out of the error of a check', async () => {
    await execute(database.db, 'create table few (n int, secret text, check (n < 5))');
    const text = 'insert into few values ($1, $2)';
    const error = await execute(database.db, text, [9, 'secret-value']).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: '23514', constraint: 'few_n_check' });
    expect(JSON.stringify([error.message, error.stack, error])).not.toContain('secret-value');
  });

  test('is not available once closed', async () => {
    const other = await open();
    await other.ping();
    await other.close();
    await expect(other.ping()).rejects.toMatchObject({ spec: { code: 'unavailable' } });
  });
});
