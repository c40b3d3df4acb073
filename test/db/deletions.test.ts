import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { noteDeletion } from '../../src/issuer/accounts/deletion-store.ts';
import { passOnDeletions } from '../../src/issuer/accounts/deletions.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds, seconds } from '../../src/kit/duration.ts';
import type { UserId } from '../../src/kit/id.ts';
import { DRIVERS, type OpenDatabase } from '../support/databases.ts';

const [ANN, BOB] = [1, 2].map((n) => `00000000-0000-7000-8000-00000000000${n}`) as [UserId, UserId];

describe.each(DRIVERS)('who is gone, on $name,', (driver) => {
  let database: OpenDatabase;
  const clock = manualClock();
  let told: UserId[][];
  let away: boolean;
  beforeAll(async () => {
    database = await driver.open();
    await migrate(database, 'issuer', issuerMigrations);
  });
  beforeEach(async () => {
    told = [];
    away = false;
    await execute(database.db, 'DELETE FROM deleted_users');
  });
  afterAll(() => database.close());

  const pass = () =>
    passOnDeletions({
      database,
      clock,
      forgetUsers: async (userIds) => {
        if (away) throw new Error('the service is away');
        told.push([...userIds]);
      },
    })();
  const note = (userId: UserId) =>
    database.transaction((tx) => noteDeletion(tx, userId, clock.now()));

  test('is told to a service until it has heard, and then no more', async () => {
    away = true;
    await note(ANN);
    await expect(pass()).rejects.toThrow('away');
    await note(BOB);
    await expect(pass()).rejects.toThrow('away');
    away = false;
    await pass();
    expect(told.flat().sort()).toEqual([ANN, BOB]);
    await pass();
    expect(told).toHaveLength(1);
  });

  test('is told once more when no token of theirs is left, and is forgotten', async () => {
    await note(ANN);
    await pass();
    clock.advance(seconds(25 * 3600));
    await note(BOB);
    await pass();
    expect(told).toEqual([[ANN], [BOB]]);
    clock.advance(milliseconds(1));
    away = true;
    await expect(pass()).rejects.toThrow('away');
    away = false;
    await pass();
    await pass();
    expect(told).toEqual([[ANN], [BOB], [ANN]]);
    const { rows } = await execute(database.db, 'SELECT user_id FROM deleted_users');
    expect(rows).toEqual([{ user_id: BOB }]);
  });

  test('is told in one go however many they are, who went first before others', async () => {
    const crowd = `INSERT INTO deleted_users (user_id, deleted_at)
      SELECT gen_random_uuid(), $1::timestamptz - i * interval '1 second'
      FROM generate_series(0, 600) AS i`;
    await execute(database.db, crowd, [clock.now()]);
    const text = 'SELECT user_id FROM deleted_users ORDER BY deleted_at';
    const { rows } = await execute<{ user_id: UserId }>(database.db, text);
    await pass();
    expect(told.flat()).toEqual(rows.map((row) => row.user_id));
  });
});
