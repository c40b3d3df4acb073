import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { type Duration, milliseconds, seconds } from '../kit/duration.ts';
import type { Secret } from '../kit/secret.ts';
import { ask } from './ask.ts';
import type { DatabaseLog, DatabaseStats } from './database.ts';
import { databaseAway, isConnectionLost, translated } from './errors.ts';
import { splitHosts } from './hosts.ts';
import { statementNames } from './statement-names.ts';
import { parseTimestamp } from './timestamps.ts';

/** What the pool takes. */
export interface PoolOptions {
  readonly url: Secret<string>;
  readonly prepared: boolean;
  readonly log: DatabaseLog;
  /** The most connections. */
  readonly size: number;
  /** Without limits on how long a statement may take. */
  readonly patient: boolean;
}

/** A pool as Kysely takes it, with what the rest of this room needs. */
export interface Pool extends PostgresPool {
  stats(): DatabaseStats;
}

/**
 * The client gives up on a statement a second after the server should have, so that a slow
 * statement is told from a server that has gone silent.
 */
const LIMITS = {
  statement: seconds(4),
  query: seconds(5),
  lock: seconds(3),
  idleInTransaction: seconds(10),
};
const IDLE = seconds(30);
/** How long a connection is idle before TCP asks whether the other side still lives. */
export const KEEP_ALIVE = seconds(10);
const CLOSE = seconds(3);

/** Each host gets its share of 6 s, so that a caller hears within 10 s that none is there. */
export const connectLimit = (hosts: number): Duration =>
  milliseconds(Math.min(3000, Math.max(1000, 6000 / hosts)));

const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === pg.types.builtins.TIMESTAMPTZ && format !== 'binary'
      ? parseTimestamp
      : pg.types.getTypeParser(oid, format as 'text'),
};

/** What `pg-pool` says, without a code, when all connections stay busy. */
const EXHAUSTED = 'timeout exceeded when trying to connect';

const PREPARE_SESSION = `select
  set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
  set_config('idle_in_transaction_session_timeout', $3, false),
  current_setting('transaction_read_only') as read_only`;

/**
 * Opens a pool on the first host that accepts writes. When that one is lost or turns read-only,
 * every connection to it is dropped and the hosts are tried again from there on, in turn.
 */
export function openPool(options: PoolOptions): Pool {
  const { log } = options;
  const hosts = splitHosts(options.url);
  const connectMillis = connectLimit(hosts.length);
  const nameOf = options.prepared ? statementNames() : () => undefined;
  let current = 0;
  let epoch = 0;
  let away = false;
  let ended: Promise<void> | undefined;

  class Connection extends pg.Client {
    readonly hostIndex: number;
    readonly epoch: number;

    constructor(config?: pg.ClientConfig) {
      const connectionString = (hosts[current] ?? hosts[0]).url.reveal();
      const fault = faultOf(connectionString);
      super(fault ? config : { ...config, connectionString });
      this.hostIndex = current;
      this.epoch = epoch;
      // The pool makes clients where nobody would catch that, and expects one that does not connect.
      if (fault) this.connect = failing(fault);
    }
  }

  const pool = new pg.Pool({
    Client: Connection,
    application_name: 'keyturn',
    max: options.size,
    connectionTimeoutMillis: connectMillis,
    idleTimeoutMillis: IDLE,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE,
    types: TYPES,
    onConnect: prepareSession,
  });
  const live = new Set<pg.PoolClient>();
  pool.on('error', (error) =>
    log.info({ reason: error.message }, 'idle database connection ended'),
  );
  pool.on('connect', (client) => {
    live.add(client);
    // Without a listener the loss of a connection in use would end the process; the statement
    // that runs on it fails as well, and says so.
    client.on('error', () => {});
  });
  pool.on('remove', (client) => live.delete(client));

  async function prepareSession(client: pg.ClientBase): Promise<void> {
    // As statements, not as startup parameters, which poolers refuse.
    const limit = (length: Duration) => (options.patient ? '0' : String(length));
    const { statement, lock, idleInTransaction } = LIMITS;
    const config = {
      text: PREPARE_SESSION,
      values: [limit(statement), limit(lock), limit(idleInTransaction)],
      query_timeout: connectMillis,
    };
    const { rows } = await client.query<{ read_only: string }>(config);
    if (rows[0]?.read_only === 'on') {
      throw Object.assign(new Error('the server accepts no writes'), { code: '25006' });
    }
  }

  /** Drops every connection made so far: idle ones when next taken, busy ones when released. */
  function lose(client: Connection, error: unknown): void {
    if (client.epoch !== epoch) return;
    epoch++;
    // Another host first: a silent one would cost its whole limit again.
    current = (client.hostIndex + 1) % hosts.length;
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ host: hosts[client.hostIndex]?.label, reason }, 'database connection lost');
  }

  async function acquire(): Promise<pg.PoolClient & Connection> {
    for (let tried = 1; ; ) {
      const host = current;
      try {
        const client = (await pool.connect()) as pg.PoolClient & Connection;
        if (client.epoch === epoch) {
          if (away) log.info({ host: hosts[client.hostIndex]?.label }, 'database is back');
          away = false;
          return client;
        }
        discard(client);
      } catch (error) {
        const exhausted = error instanceof Error && error.message === EXHAUSTED;
        if (!exhausted && current === host) current = (host + 1) % hosts.length;
        if (exhausted || pool.ending || tried++ >= hosts.length) {
          if (!away && !exhausted) {
            const reason = error instanceof Error ? error.message : String(error);
            log.warn({ hosts: hosts.map(({ label }) => label), reason }, 'database is away');
            away = true;
          }
          throw databaseAway(error);
        }
      }
    }
  }

  const limit = options.patient ? undefined : LIMITS.query;
  const wrapped = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  function wrap(client: pg.PoolClient & Connection): PostgresPoolClient {
    const query = async (text: string, values: readonly unknown[]) => {
      // Without parameters (BEGIN, COMMIT, scripts) unnamed: the simple protocol takes them.
      const name = values.length > 0 ? nameOf(text) : undefined;
      try {
        return await ask(client, { text, values, name }, limit);
      } catch (error) {
        // Where it was asked, instead of where the answer was read.
        if (error instanceof Error) Error.captureStackTrace(error);
        if (isConnectionLost(error)) lose(client, error);
        throw translated(error);
      }
    };
    const release = (destroy?: boolean) => {
      // A connection still in a transaction would hand it to whoever takes it next.
      const clean = client.getTransactionStatus() === 'I' && client.epoch === epoch;
      if (destroy || !clean) discard(client);
      else client.release();
    };
    return { query, release } as unknown as PostgresPoolClient;
  }

  return {
    options: {},
    async connect() {
      const client = await acquire();
      const known = wrapped.get(client);
      if (known) return known;
      const fresh = wrap(client);
      wrapped.set(client, fresh);
      return fresh;
    },
    end() {
      ended ??= (async () => {
        // A server that has gone silent never confirms the goodbye.
        const timer = setTimeout(() => live.forEach(destroySocket), CLOSE);
        await pool.end().finally(() => clearTimeout(timer));
      })();
      return ended;
    },
    stats: () => ({
      connections: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
  };
}

/** Why no client can be made: a file of certificates that the URL names cannot be read just now. */
function faultOf(connectionString: string): Error | undefined {
  try {
    new pg.Client({ connectionString });
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** A client's `connect` that only tells why there is no connection. */
const failing = (fault: Error): pg.Client['connect'] =>
  ((callback?: (error: Error) => void) => {
    if (!callback) return Promise.reject(fault);
    process.nextTick(callback, fault);
    return undefined;
  }) as pg.Client['connect'];

const destroySocket = (client: pg.PoolClient): void => {
  client.connection.stream.destroy();
};

/** Ends a connection without the goodbye that a dead server would never answer. */
function discard(client: pg.PoolClient): void {
  destroySocket(client);
  client.release(true);
}
