import type { Kysely, Transaction } from 'kysely';
import type { Secret } from '../kit/secret.ts';
import type { Trace } from '../kit/trace.ts';
import type { DirectoryLock } from './directory-lock.ts';
import type { Listening } from './listen.ts';

/** A database, or a transaction on it; a store types it by `db.$extendTables<MyTables>()`. */
export type Db = Kysely<object>;

/** A transaction; for functions that must run in one. */
export type Tx = Transaction<object>;

/** The slice of the log that this room writes to. */
export interface DatabaseLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How the connections are doing, for the metrics. */
export interface DatabaseStats {
  readonly connections: number;
  readonly idle: number;
  /** Statements and transactions that wait for a connection. */
  readonly waiting: number;
}

/**
 * An open database. A statement that meets one that is away, too busy or read-only throws the
 * 503 `unavailable`; any other refusal is a `StatementError`.
 */
export interface Database {
  readonly kind: 'postgres' | 'embedded';
  readonly db: Db;
  readonly log: DatabaseLog;
  /** The lock on the embedded database's directory. */
  readonly lock?: DirectoryLock;
  /**
   * Commits what `work` did when it returns, undoes it when it throws. `db` itself must not be
   * used inside: that throws. An `unavailable` out of the COMMIT leaves open whether it happened.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * A transaction on a connection of its own whose statements may take for ever: migrations, and
   * what has to be done to every row at once.
   */
  patientTransaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Tells every process that listens on a channel of this database. Never throws: what is not
   * heard is found out by polling. Not to be used inside a transaction, which it might undo.
   */
  notify(channel: string): Promise<void>;
  /**
   * Calls `heard` after each notification on the channel, and each time that some may have been
   * missed. Does nothing on the embedded database, which one process has to itself.
   */
  listen(channel: string, heard: () => void): Listening;
  /** The server's clock. */
  time(): Promise<Date>;
  /** Resolves when the database answers. */
  ping(): Promise<void>;
  /** Waits for what runs, then closes; the embedded database is flushed and its lock released. */
  close(): Promise<void>;
  stats(): DatabaseStats;
}

/** What `openDatabase` takes. */
export interface DatabaseOptions {
  /** `DATABASE_URL`; undefined for the embedded database. */
  readonly url: Secret<string> | undefined;
  /** Whether the pooler in between, if any, can keep prepared statements. */
  readonly prepared: boolean;
  /** Where the embedded database lives; made with mode 0700. Not touched for PostgreSQL. */
  readonly dataDir: string;
  readonly log: DatabaseLog;
  /** The most connections to PostgreSQL, 10 unless said otherwise. */
  readonly poolSize?: number;
  /** Follows statements; nothing does when absent. */
  readonly trace?: Trace | undefined;
}

/**
 * Opens PostgreSQL by `url`, or the embedded database under `dataDir`. PostgreSQL is reached by
 * the first statement, so opening succeeds while it is away. Throws on a URL that cannot be read,
 * and `DatabaseBusyError` when another process holds `dataDir`.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { url, ...rest } = options;
  // Only the one that is used is loaded: each takes memory, and a tenth of a start.
  if (url === undefined) return (await import('./embedded.ts')).openEmbedded(rest);
  return (await import('./postgres.ts')).openPostgres({ ...rest, url });
}
