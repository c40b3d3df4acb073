import { describe, expect, test } from 'vitest';
import { execute } from '../../src/db/statement.ts';
import { breakablePostgres, heard, UNAVAILABLE } from '../support/breakable-postgres.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';

const { open, proxy, url } = breakablePostgres();

describe('several hosts', () => {
  test('are tried in turn', async () => {
    const [first, second] = [await proxy(), await proxy()];
    const database = await open([first, second]);
    await database.ping();
    expect([first.accepted, second.accepted]).toEqual([1, 0]);
    first.set('refuse');
    await expect.poll(() => database.insert().then(() => 'done')).toBe('done');
    expect(second.accepted).toBe(1);
  });

  test('are asked whether they accept writes', async () => {
    const standby = await createTestDatabase();
    const name = new URL(standby.url).pathname.slice(1);
    await administer(standby.url, `alter database ${name} set default_transaction_read_only = on`);
    const own = new URL(url()).pathname.slice(1);
    const readOnly = await proxy((first) =>
      Buffer.from(first.toString('latin1').replace(own, name), 'latin1'),
    );
    const primary = await proxy();
    const database = await open([readOnly, primary]);
    await database.insert();
    expect([readOnly.accepted, primary.accepted]).toEqual([1, 1]);
    const alone = await open([readOnly]);
    await expect(alone.ping()).rejects.toMatchObject(UNAVAILABLE);
    await Promise.all([database.close(), alone.close()]);
    await standby.drop();
  });

  test('take over when the primary becomes read-only', async () => {
    const [first, second] = [await proxy(), await proxy()];
    const database = await open([first, second], { poolSize: 1 });
    await execute(database.db, 'set session characteristics as transaction read only');
    first.set('refuse');
    await expect(database.insert()).rejects.toMatchObject(UNAVAILABLE);
    await database.insert();
    expect(second.accepted).toBe(1);
  });

  test('a read-only connection is dropped though its server is there', async () => {
    const door = await proxy();
    const database = await open([door], { poolSize: 1 });
    await execute(database.db, 'set session characteristics as transaction read only');
    await expect(database.insert()).rejects.toMatchObject(UNAVAILABLE);
    await database.insert();
    expect(door.accepted).toBe(2);
    expect(database.log.lines).toMatchObject([{ message: 'database connection lost' }]);
  });

  test('take over when the primary goes silent', async () => {
    const [first, second] = [await proxy(), await proxy()];
    const database = await open([first, second]);
    await Promise.all([database.ping(), database.ping()]);
    first.set('silent');
    await expect(heard(database.insert())).rejects.toMatchObject(UNAVAILABLE);
    await heard(database.insert());
    expect(second.accepted).toBe(1);
  });
});
