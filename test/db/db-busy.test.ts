import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import { execute } from '../../src/db/statement.ts';
import { Secret } from '../../src/kit/secret.ts';
import { breakablePostgres, caught, heard, UNAVAILABLE } from '../support/breakable-postgres.ts';
import { recordedLog } from '../support/databases.ts';
import { startWatch } from '../support/lived-time.ts';

const { open, proxy, url } = breakablePostgres();

describe('a PostgreSQL that is busy', () => {
  test('is unavailable while every connection is taken', async () => {
    const [first, second] = [await proxy(), await proxy()];
    const database = await open([first, second], { poolSize: 1 });
    const held = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    const holding = database.transaction(async (tx) => {
      // However long this takes, the server does not end it.
      await execute(tx, 'set local idle_in_transaction_session_timeout = 0');
      taken.resolve();
      await held.promise;
    });
    await taken.promise;
    expect(database.stats()).toEqual({ connections: 1, idle: 0, waiting: 0 });
    await expect(heard(database.ping())).rejects.toMatchObject(UNAVAILABLE);
    held.resolve();
    await holding;
    await database.ping();
    expect([first.accepted, second.accepted]).toEqual([1, 0]);
  });

  test('is unavailable when a statement or a lock takes too long', async () => {
    const watch = startWatch();
    onTestFinished(watch.stop);
    const [database, other] = [await open(undefined, { poolSize: 3 }), await open()];
    await Promise.all([database.ping(), other.ping()]);
    const [locked, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = database.transaction(async (tx) => {
      await execute(tx, 'lock table t');
      await execute(tx, 'set local idle_in_transaction_session_timeout = 0');
      locked.resolve();
      await expect(database.insert()).rejects.toThrow(/inside its own transaction/);
      await over.promise;
    });
    await locked.promise;
    const slow = heard(caught(execute(database.db, 'select pg_sleep(60)')));
    const blocked = heard(caught(other.transaction((tx) => execute(tx, 'lock table t'))));
    const [late, unlocked] = await Promise.all([slow, blocked]);
    over.resolve();
    await holding;
    expect([late, unlocked]).toMatchObject([UNAVAILABLE, UNAVAILABLE]);
    // To who stood still meanwhile the server's word comes with the end of the patience for it.
    if (watch.stoodStill()) return;
    expect([late, unlocked]).toMatchObject([
      { cause: { code: '57014' } },
      { cause: { code: '55P03' } },
    ]);
    expect(database.log.lines).toEqual([]);
  });
});

test('the server gives up on a statement before the caller is to hear, on a lock before that', async () => {
  const database = await open();
  const limits = `select name, setting::int, unit from pg_settings where name in
    ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by name`;
  expect((await execute(database.db, limits)).rows).toEqual([
    { name: 'idle_in_transaction_session_timeout', setting: 10_000, unit: 'ms' },
    { name: 'lock_timeout', setting: 3000, unit: 'ms' },
    { name: 'statement_timeout', setting: 4000, unit: 'ms' },
  ]);
});

test('a connection left in a transaction does not go back to the pool', async () => {
  const database = await open(undefined, { poolSize: 1 });
  await execute(database.db, 'begin; create table leaked (n int)');
  const { rows } = await execute(database.db, `select to_regclass('leaked') as leaked`);
  expect(rows).toEqual([{ leaked: null }]);
});

test('a password is in no error and no log line', async () => {
  const good = new URL(url());
  const secret = new Secret(
    `postgres://${good.username}:hunter2-wrong@${good.host}${good.pathname}`,
  );
  const log = recordedLog();
  const options = { prepared: true, dataDir: '/nonexistent', log };
  const database = await openDatabase({ url: secret, ...options });
  const error = await database.ping().catch((thrown) => thrown);
  expect(error).toMatchObject({ ...UNAVAILABLE, cause: { code: '28P01' } });
  expect(inspect([error, log.lines, database], { depth: 20 })).not.toContain('hunter2');
  await database.close();
  const broken = openDatabase({ url: new Secret('postgres://u:hunter2@h:99999/db'), ...options });
  const refused = await broken.catch((thrown) => thrown);
  expect(refused).toBeInstanceOf(Error);
  expect(inspect(refused, { depth: 20 })).not.toContain('hunter2');
});
