import { expect, test } from 'vitest';
import { todosMigrations } from '../../migrations/todos/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { deleteTodosOf } from '../../src/resource-server/store.ts';
import { DRIVERS } from '../support/databases.ts';

test.each(DRIVERS)('users are forgotten however many todos they have, on $name', async (driver) => {
  const database = await driver.open();
  const run = async (text: string) => (await execute<{ n: number }>(database.db, text)).rows;
  await migrate(database, 'todos', todosMigrations);
  await run(`INSERT INTO todos (user_id, id, title, completed, version, created_at, updated_at)
    SELECT 'user-' || i % 3, gen_random_uuid(), 'a', false, 1, now(), now()
    FROM generate_series(1, 18000) AS i`);
  await run('CREATE TABLE deleted_at_once (n integer)');
  await run(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO deleted_at_once SELECT count(*) FROM gone; RETURN NULL; END $$`);
  await run(`CREATE TRIGGER note AFTER DELETE ON todos REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION note()`);
  await deleteTodosOf(database.db, ['user-0', 'user-2', 'nobody']);
  // Of a statement that deletes all of them, a user with millions would have none succeed.
  expect(await run('SELECT n FROM deleted_at_once ORDER BY n')).toEqual([
    { n: 2000 },
    { n: 5000 },
    { n: 5000 },
  ]);
  expect(await run("SELECT count(*)::int AS n FROM todos WHERE user_id = 'user-1'")).toEqual([
    { n: 6000 },
  ]);
  expect(await run('SELECT count(*)::int AS n FROM todos')).toEqual([{ n: 6000 }]);
  await database.close();
});
