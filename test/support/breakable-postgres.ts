import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type Database, type DatabaseOptions, openDatabase } from '../../src/db/database.ts';
import { execute } from '../../src/db/statement.ts';
import { Secret } from '../../src/kit/secret.ts';
import { type RecordedLog, recordedLog } from './databases.ts';
import { within } from './lived-time.ts';
import { administer, createTestDatabase, type TestDatabase } from './postgres.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';

/** What a caller gets while the database is away. */
export const UNAVAILABLE = {
  spec: { status: 503, code: 'unavailable' },
  extras: { retryAfter: 1 },
};

/** A caller must hear of it by then, in milliseconds. */
const HEARD = 10_000;

/** What a promise comes to, in the time in which a caller must hear of it. */
export const heard = <T>(promise: Promise<T>): Promise<T> => within(HEARD, promise);

/** What a promise is rejected with, heard from the start. */
export const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => error);

/** A database that was opened on the target. */
export interface BreakableDatabase extends Database {
  readonly log: RecordedLog;
  /** Writes a row. */
  insert(): Promise<unknown>;
}

/** One PostgreSQL database of a test file, reached directly or by proxies that break. */
export interface Breakable {
  readonly url: () => string;
  /** A proxy before it; `rewrite` changes what a client sends first. */
  proxy(rewrite?: (first: Buffer) => Buffer): Promise<TcpProxy>;
  /** A database whose URL names these ports in this order; its own port by itself unless given. */
  open(
    proxies?: readonly { port: number }[],
    options?: Partial<DatabaseOptions>,
  ): Promise<BreakableDatabase>;
}

/** Makes one for the file that calls it, and removes it at its end. */
export function breakablePostgres(): Breakable {
  let target: TestDatabase | undefined;
  const url = () => target?.url ?? '';
  const port = () => Number(new URL(url()).port || 5432);
  beforeAll(async () => {
    target = await createTestDatabase();
    await administer(target.url, 'create table t (n int)');
  });
  afterAll(() => target?.drop());
  return {
    url,
    async proxy(rewrite) {
      const made = await tcpProxy(port(), rewrite);
      onTestFinished(() => made.close());
      return made;
    },
    async open(proxies = [{ port: port() }], options = {}) {
      const { username, password, pathname } = new URL(url());
      const hosts = proxies.map((one) => `127.0.0.1:${one.port}`).join(',');
      const log = recordedLog();
      const database = await openDatabase({
        url: new Secret(`postgres://${username}:${password}@${hosts}${pathname}`),
        prepared: true,
        dataDir: '/nonexistent',
        log,
        ...options,
      });
      onTestFinished(() => database.close());
      const insert = () => execute(database.db, 'insert into t values ($1)', [1]);
      return { ...database, log, insert };
    },
  };
}
