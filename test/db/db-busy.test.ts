import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/db/database.ts';
import { execute } from '../../src/db/statement.ts';
import { Secret } from '../../src/kit/secret.ts';
import { breakablePostgres, caught, UNAVAILABLE, WITHIN } from '../support/breakable-postgres.ts';
import { recordedLog } from '../support/databases.ts';

const { open, proxy, url } = breakablePostgres();

describe('a PostgreSQL that is busy', () => {
  test('is unavailable while every connection is taken', { timeout: WITHIN }, async () => {
    const [first, second] = [await proxy(), await proxy()];
    const database = await open([first, second], { poolSize: 1 });
    const held = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<void>();
    const holding = database.transaction(async () => {
      taken.resolve();
      await held.promise;
    });
    await taken.promise;
    expect(database.stats()).toEqual({ connections: 1, idle: 0, waiting: 0 });
    await expect(database.ping()).rejects.toMatchObject(UNAVAILABLE);
    held.resolve();
    await holding;
    await database.ping();
    expect([first.accepted, second.accepted]).toEqual([1, 0]);
  });

  test('is unavailable when a statement or a lock takes too long', {
    timeout: WITHIN,
  }, async () => {
    const database = await open(undefined, { poolSize: 3 });
    const locked = Promise.withResolvers<void>();
    const slow = caught(execute(database.db, 'select pg_sleep(60)'));
    const waiting = database.transaction(async (tx) => {
      await execute(tx, 'lock table t');
      locked.resolve();
      await expect(database.insert()).rejects.toThrow(/inside its own transaction/);
      expect(await slow).toMatchObject({ ...UNAVAILABLE, cause: { code: '57014' } });
    });
    const other = await open();
    await locked.promise;
    const blocked = other.transaction((tx) => execute(tx, 'lock table t'));
    await expect(blocked).rejects.toMatchObject({ ...UNAVAILABLE, cause: { code: '55P03' } });
    await waiting;
    expect(database.log.lines).toEqual([]);
  });
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
