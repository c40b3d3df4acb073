import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Db } from '../../src/db/database.ts';
import { gathering } from '../../src/db/gather.ts';
import { execute } from '../../src/db/statement.ts';
import { DRIVERS, type OpenDatabase } from '../support/databases.ts';

const DOUBLE = 'SELECT 2 * $1::int AS twice';
const DOUBLE_ALL = `SELECT 2 * n AS twice FROM unnest($1::int[]) WITH ORDINALITY AS asked (n, place)
ORDER BY place`;
/** PostgreSQL's own "feature not supported". */
const NOT_SUPPORTED = 'SELECT 1 FROM (VALUES (1)) AS v (n) GROUP BY n FOR UPDATE';

describe.each(DRIVERS)('calls that share a statement on $name', (driver) => {
  let database: OpenDatabase;
  beforeAll(async () => {
    database = await driver.open();
  });
  afterAll(() => database.close());

  /** Doubles numbers, and tells how many each statement was for: 1 is `one`'s. */
  function doubling({ all = DOUBLE_ALL, most }: { all?: string; most?: number } = {}) {
    const statements: (number | 'several')[] = [];
    const sizes: number[] = [];
    const run = async (db: Db, text: string, parameter: unknown) =>
      (await execute<{ twice: number }>(db, text, [parameter])).rows.map(({ twice }) => twice);
    const double = gathering(
      async (db, { n }: { n: unknown }) => {
        statements.push(1);
        return (await run(db, DOUBLE, n))[0];
      },
      (db, calls) => {
        statements.push('several');
        sizes.push(calls.length);
        return all === DOUBLE_ALL
          ? run(
              db,
              all,
              calls.map(({ n }) => n),
            )
          : execute<never>(db, all).then(({ rows }) => rows);
      },
      most,
    );
    return { statements, sizes, double: (n: unknown, db: Db = database.db) => double(db, { n }) };
  }
  const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

  test('each caller gets its own answer out of one statement', async () => {
    const { statements, sizes, double } = doubling();
    const answers = await Promise.all(upTo(30).map((n) => double(n)));
    expect(answers).toEqual(upTo(30).map((n) => 2 * n));
    expect([statements, sizes]).toEqual([['several'], [30]]);
  });

  test('the same call twice is answered twice', async () => {
    const { double, sizes } = doubling();
    expect(await Promise.all([double(7), double(7)])).toEqual([14, 14]);
    expect(sizes).toEqual([2]);
  });

  test('calls of one turn of the event loop do, whatever they were awaiting in it', async () => {
    const { double, sizes } = doubling();
    const later = async (n: number) => {
      await new Promise(process.nextTick);
      await undefined;
      return double(n);
    };
    expect(await Promise.all([double(1), later(2), later(3)])).toEqual([2, 4, 6]);
    expect(sizes).toEqual([3]);
  });

  test('a call that is alone has the statement for one', async () => {
    const { statements, double } = doubling();
    expect(await double(4)).toBe(8);
    expect(await double(5)).toBe(10);
    expect(statements).toEqual([1, 1]);
  });

  test('more than may share one share several', async () => {
    const { sizes, double } = doubling({ most: 8 });
    expect(await Promise.all(upTo(20).map((n) => double(n)))).toEqual(upTo(20).map((n) => 2 * n));
    expect(sizes).toEqual([8, 8, 4]);
  });

  test('a transaction keeps its calls to itself', async () => {
    const { statements, double } = doubling();
    const answers = await database.transaction(async (tx) => [
      await double(1, tx),
      await double(2, tx),
    ]);
    expect([answers, statements]).toEqual([
      [2, 4],
      [1, 1],
    ]);
  });

  test('who uses the outer database inside a transaction is told, and spoils nobody’s call', async () => {
    const { double } = doubling();
    const around = [double(1), double(2)];
    const misused = database.transaction(() => double(3));
    await expect(misused).rejects.toThrow('inside its own transaction');
    expect(await Promise.all([...around, double(4)])).toEqual([2, 4, 8]);
  });

  test('what fails fails for all of a statement, and for nobody after it', async () => {
    const { double, sizes } = doubling();
    const settled = await Promise.allSettled([double(1), double('no number')]);
    expect(settled).toMatchObject([
      { status: 'rejected', reason: { code: '22P02' } },
      { status: 'rejected', reason: { code: '22P02' } },
    ]);
    expect(await Promise.all([double(1), double(2)])).toEqual([2, 4]);
    expect(sizes).toEqual([2, 2]);
  });

  test('an engine without the SQL for several is asked once, and then for each alone', async () => {
    database.log.lines.length = 0;
    const { double, statements } = doubling({ all: NOT_SUPPORTED });
    const settled = await Promise.allSettled([double(1), double('no number'), double(3)]);
    expect(settled).toMatchObject([
      { status: 'fulfilled', value: 2 },
      { status: 'rejected', reason: { code: '22P02' } },
      { status: 'fulfilled', value: 6 },
    ]);
    expect(await Promise.all([double(4), double(5)])).toEqual([8, 10]);
    expect(statements).toEqual(['several', 1, 1, 1, 1, 1]);
    // An operator hears of it, once.
    expect(database.log.lines).toEqual([
      {
        level: 'info',
        fields: { reason: expect.stringContaining('FOR UPDATE') },
        message: expect.stringContaining('does not know a statement that calls share'),
      },
    ]);
  });
});
