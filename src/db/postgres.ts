import { Kysely, PostgresDialect, type PostgresPool } from 'kysely';
import type { Secret } from '../kit/secret.ts';
import type { Trace } from '../kit/trace.ts';
import type { Database, DatabaseLog } from './database.ts';
import { startListening } from './listen.ts';
import { nestingGuard } from './nesting.ts';
import { openPool, type PoolOptions } from './pool.ts';
import { execute, setSharing, setShortcut } from './statement.ts';
import { statementLog } from './statement-log.ts';

const POOL_SIZE = 10;

/** What `openPostgres` takes; see `DatabaseOptions`. */
export interface PostgresOptions {
  readonly url: Secret<string>;
  readonly prepared: boolean;
  readonly log: DatabaseLog;
  readonly poolSize?: number;
  readonly trace?: Trace | undefined;
}

/** A database on PostgreSQL 15 or newer. Connects when first used. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, prepared, log, trace } = options;
  const guard = nestingGuard();
  const size = options.poolSize ?? POOL_SIZE;
  const { kysely, pool } = connect(
    { url, prepared, log, size, patient: false },
    guard.check,
    trace,
  );
  setSharing(kysely, { check: guard.check, log });

  return {
    kind: 'postgres',
    db: kysely,
    log,
    transaction: (work) => kysely.transaction().execute((tx) => guard.run(() => work(tx))),
    async patientTransaction(work) {
      guard.check();
      const own = connect({ url, prepared, log, size: 1, patient: true }, guard.check);
      try {
        return await own.kysely.transaction().execute((tx) => guard.run(() => work(tx)));
      } finally {
        await own.pool.end();
      }
    },
    async notify(channel) {
      try {
        await execute(kysely, 'select pg_notify($1, $2)', [channel, '']);
      } catch (err) {
        log.debug({ err, channel }, 'notification not sent');
      }
    },
    listen: (channel, heard) => startListening({ url, log }, channel, heard),
    async time() {
      const { rows } = await execute<{ time: Date }>(kysely, 'select clock_timestamp() as time');
      if (!rows[0]) throw new Error('the server did not say its time');
      return rows[0].time;
    },
    async ping() {
      await execute(kysely, 'select 1');
    },
    close: () => pool.end(),
    stats: pool.stats,
  };
}

function connect(options: PoolOptions, beforeConnect: () => void, trace?: Trace) {
  const pool = openPool(options);
  const guarded = {
    ...pool,
    connect: async () => {
      beforeConnect();
      return await pool.connect();
    },
  };
  const dialect = new PostgresDialect({ pool: guarded });
  const kysely = new Kysely<object>({ dialect, ...statementLog(trace) });
  if (!trace) setShortcut(kysely, (...statement) => runOn(guarded, ...statement));
  return { pool, kysely };
}

async function runOn(pool: PostgresPool, text: string, parameters: readonly unknown[]) {
  const client = await pool.connect();
  try {
    const { command, rowCount, rows } = await client.query<unknown>(text, parameters);
    return { rows, affected: CHANGES.has(command) ? rowCount : 0 };
  } finally {
    client.release();
  }
}

/** The commands whose count of rows is how many they touched. */
const CHANGES: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);
