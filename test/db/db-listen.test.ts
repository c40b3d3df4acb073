import { describe, expect, onTestFinished, test } from 'vitest';
import type { Database } from '../../src/db/database.ts';
import { LISTENER_NAME, type Listening, startListening } from '../../src/db/listen.ts';
import { execute } from '../../src/db/statement.ts';
import { milliseconds } from '../../src/kit/duration.ts';
import { Secret } from '../../src/kit/secret.ts';
import { breakablePostgres } from '../support/breakable-postgres.ts';
import { DRIVERS, recordedLog } from '../support/databases.ts';
import { deafPostgres } from '../support/deaf-postgres.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

const { open, proxy, url } = breakablePostgres();
const WAIT = { timeout: 60_000 };
const CHANNEL = 'Some "channel"';

/** Listens on a database, and counts what it hears. */
function listener(listen: (heard: () => void) => Listening) {
  const counter = { heard: 0 };
  const listening = listen(() => counter.heard++);
  onTestFinished(() => listening.stop());
  return { counter, stop: listening.stop };
}

/** The server processes of this database's listeners. */
async function backends(database: Database): Promise<number[]> {
  const { rows } = await execute<{ pid: number }>(
    database.db,
    `select pid from pg_stat_activity
     where application_name = $1 and datname = current_database()`,
    [LISTENER_NAME],
  );
  return rows.map(({ pid }) => pid);
}

/** Notifies until it is heard: one sent while nobody listened is lost. */
const heardOf = (database: Database, counter: { heard: number }, before = counter.heard) =>
  expect
    .poll(async () => {
      await database.notify(CHANNEL);
      return counter.heard;
    }, WAIT)
    .toBeGreaterThan(before);

/** A URL that names the proxies as its hosts. */
function through(proxies: readonly { port: number }[]): Secret<string> {
  const { username, password, pathname } = new URL(url());
  const hosts = proxies.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return new Secret(`postgres://${username}:${password}@${hosts}${pathname}`);
}

describe('a listener', () => {
  test('hears once that it has begun, and then each notification on its channel', async () => {
    const [database, other] = [await open(), await open()];
    const { counter } = listener((heard) => database.listen(CHANNEL, heard));
    await expect.poll(() => counter.heard, WAIT).toBe(1);
    await other.notify(CHANNEL);
    await expect.poll(() => counter.heard, WAIT).toBe(2);
    // In one transaction, so that both arrive at once.
    await execute(database.db, "select pg_notify('another', ''), pg_notify($1, '')", [CHANNEL]);
    await expect.poll(() => counter.heard, WAIT).toBeGreaterThan(2);
    expect(counter.heard).toBe(3);
  });

  test('holds one connection, none once it is stopped', async () => {
    const database = await open();
    const { counter, stop } = listener((heard) => database.listen(CHANNEL, heard));
    await expect.poll(() => counter.heard, WAIT).toBe(1);
    expect(await backends(database)).toHaveLength(1);
    await stop();
    await expect.poll(() => backends(database), WAIT).toEqual([]);
    await database.notify(CHANNEL);
    await database.close();
    expect(counter.heard).toBe(1);
  });

  test('that is cut listens again, and hears that it may have missed something', async () => {
    const database = await open();
    const { counter } = listener((heard) => database.listen(CHANNEL, heard));
    await expect.poll(() => counter.heard, WAIT).toBe(1);
    const [pid] = await backends(database);
    await execute(database.db, 'select pg_terminate_backend($1)', [pid]);
    await expect.poll(() => counter.heard, WAIT).toBe(2);
    expect(await backends(database)).not.toContain(pid);
    await database.notify(CHANNEL);
    await expect.poll(() => counter.heard, WAIT).toBe(3);
    expect(database.log.lines).toEqual([]);
  });

  test('outlives an outage, and says so once', async () => {
    const [door, database] = [await proxy(), await open()];
    let tries = 0;
    const log = { ...recordedLog(), debug: () => tries++ };
    const { counter } = listener((heard) =>
      startListening({ url: through([door]), log }, CHANNEL, heard),
    );
    await expect.poll(() => counter.heard, WAIT).toBe(1);
    door.set('refuse');
    await expect.poll(() => log.lines.length, WAIT).toBe(1);
    const before = tries;
    await expect.poll(() => tries - before, WAIT).toBeGreaterThan(2);
    door.set('open');
    await heardOf(database, counter);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'database notifications are away; polling goes on',
      'database notifications are back',
    ]);
  });

  test('can be stopped while the database is away, and while it is silent', async () => {
    for (const mode of ['refuse', 'silent'] as const) {
      const door = await proxy();
      door.set(mode);
      const { stop } = listener((heard) =>
        startListening({ url: through([door]), log: recordedLog() }, CHANNEL, heard),
      );
      await stop();
    }
  });

  test('goes to the host that accepts writes', async () => {
    const [readOnly, primary] = [await readOnlyProxy(), await proxy()];
    const database = await open();
    const { counter } = listener((heard) =>
      startListening({ url: through([readOnly, primary]), log: recordedLog() }, CHANNEL, heard),
    );
    await heardOf(database, counter);
    expect([readOnly.accepted, primary.accepted]).toEqual([1, 1]);
  });

  test('leaves a host that goes silent', async () => {
    const [first, second] = [await proxy(), await proxy()];
    const database = await open();
    const { counter } = listener((heard) =>
      startListening(
        { url: through([first, second]), log: recordedLog(), heartbeat: milliseconds(50) },
        CHANNEL,
        heard,
      ),
    );
    await expect.poll(() => counter.heard, WAIT).toBe(1);
    first.set('silent');
    await expect.poll(() => second.accepted, WAIT).toBe(1);
    await heardOf(database, counter);
  });

  test('gives up on an engine that cannot notify', async () => {
    const deaf = await deafPostgres(Number(new URL(url()).port || 5432));
    onTestFinished(() => deaf.close());
    const log = recordedLog();
    const { counter, stop } = listener((heard) =>
      startListening({ url: through([deaf]), log }, CHANNEL, heard),
    );
    await expect
      .poll(() => log.lines, WAIT)
      .toMatchObject([
        { level: 'info', message: 'this database does not notify; polling does without' },
      ]);
    await stop();
    expect([deaf.refused, counter.heard, log.lines.length]).toEqual([1, 0, 1]);
  });

  /** A way to a database that accepts no writes. */
  async function readOnlyProxy(): Promise<TcpProxy> {
    const standby = await createTestDatabase();
    onTestFinished(standby.drop);
    const name = new URL(standby.url).pathname.slice(1);
    await administer(standby.url, `alter database ${name} set default_transaction_read_only = on`);
    const own = new URL(url()).pathname.slice(1);
    return proxy((first) => Buffer.from(first.toString('latin1').replace(own, name), 'latin1'));
  }
});

describe('a notification', () => {
  test('that the engine refuses is no error', async () => {
    const database = await open();
    await expect(database.notify('c'.repeat(64))).resolves.toBeUndefined();
  });

  test('to a database that is away is no error', async () => {
    const door = await proxy();
    const database = await open([door]);
    door.set('refuse');
    await expect(database.notify(CHANNEL)).resolves.toBeUndefined();
  });
});

describe.each(DRIVERS)('on $name', (driver) => {
  test('one may listen and notify', async () => {
    const database = await driver.open();
    const listening = database.listen(CHANNEL, () => {});
    await database.notify(CHANNEL);
    await listening.stop();
    await database.close();
  });
});
