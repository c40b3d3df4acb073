import { expect, onTestFinished, test } from 'vitest';
import type { DatabaseOptions } from '../../src/db/database.ts';
import { execute } from '../../src/db/statement.ts';
import { DRIVERS } from '../support/databases.ts';

async function openOne(options: Partial<DatabaseOptions>) {
  const driver = DRIVERS.find(({ kind }) => kind === 'postgres');
  const database = await driver?.open({ poolSize: 1, ...options });
  if (!database) throw new Error('no PostgreSQL');
  onTestFinished(() => database.close());
  return database;
}

const PREPARED = 'select name, statement from pg_prepared_statements';

test('a statement with parameters is prepared once, under a name of its own', async () => {
  const { db, transaction } = await openOne({ prepared: true });
  for (const n of [1, 2]) await execute(db, 'select $1::int as n', [n]);
  await transaction((tx) => execute(tx, 'select $1::int as n', [3]));
  await execute(db, 'select $1::text as t', ['x']);
  const { rows } = await execute<{ name: string; statement: string }>(db, PREPARED);
  expect(rows.map(({ statement }) => statement).sort()).toEqual([
    'select $1::int as n',
    'select $1::text as t',
  ]);
  for (const { name } of rows) expect(name).toMatch(/^k_[\w-]{20}$/);
});

test('generated texts do not fill the server', async () => {
  const { db } = await openOne({ prepared: true });
  for (let n = 0; n < 600; n++) await execute(db, `select $1::int as n${n}`, [n]);
  const { rows } = await execute<{ name: string }>(db, PREPARED);
  expect(rows).toHaveLength(500);
});

test('nothing is prepared when a pooler cannot keep it', async () => {
  const { db } = await openOne({ prepared: false });
  await execute(db, 'select $1::int as n', [1]);
  expect((await execute(db, PREPARED)).rows).toEqual([]);
});

test('a table that changes under a prepared statement is a 503 once, then all is well', async () => {
  const { db } = await openOne({ prepared: true });
  await execute(db, 'create table t (a int)');
  const read = () => execute(db, 'select * from t where a = $1', [1]);
  await read();
  await execute(db, 'alter table t add column b int; insert into t values (1, 2)');
  await expect(read()).rejects.toMatchObject({ spec: { code: 'unavailable' } });
  expect((await read()).rows).toEqual([{ a: 1, b: 2 }]);
});
