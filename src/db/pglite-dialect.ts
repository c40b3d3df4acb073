import type { PGlite, Results } from '@electric-sql/pglite';
import {
  AbortedTransactionError,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { translated } from './errors.ts';
import type { Turnstile } from './turnstile.ts';

/** What the dialect needs. */
export interface PGliteDialectOptions {
  readonly pglite: PGlite;
  /** PGlite has one connection: whoever takes it is let in here. */
  readonly turnstile: Turnstile;
  /** Called before the connection is asked for. */
  readonly beforeConnect: () => void;
}

/**
 * Kysely on PGlite. Kysely's own dialect queues before a driver can look, so that a nested use of
 * the outer database could only hang there; it also lets nobody give up waiting.
 */
export function pgliteDialect(options: PGliteDialectOptions): Dialect {
  return {
    createDriver: () => pgliteDriver(options),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PostgresAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
}

function pgliteDriver({ pglite, turnstile, beforeConnect }: PGliteDialectOptions): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, affectedRows } = await run(pglite, query.sql, query.parameters);
      return { rows: (rows ?? []) as Row[], numAffectedRows: BigInt(affectedRows ?? 0) };
    },
    // biome-ignore lint/correctness/useYield: it is the interface's word for "cannot"
    async *streamQuery() {
      throw new Error('the embedded database does not stream');
    },
  };
  return {
    init: async () => {},
    async acquireConnection() {
      beforeConnect();
      await turnstile.enter();
      return connection;
    },
    releaseConnection: async () => turnstile.leave(),
    async beginTransaction(_connection, { isolationLevel, accessMode }: TransactionSettings) {
      const level = isolationLevel ? ` isolation level ${isolationLevel}` : '';
      await run(pglite, `begin${level}${accessMode ? ` ${accessMode}` : ''}`, []);
    },
    async commitTransaction() {
      // After a failed statement PostgreSQL answers COMMIT with ROLLBACK.
      const { command } = await run(pglite, 'commit', []);
      if (command === 'ROLLBACK') throw new AbortedTransactionError();
    },
    async rollbackTransaction() {
      await run(pglite, 'rollback', []);
    },
    destroy: async () => {},
  };
}

/** Scripts take the simple protocol, as with `pg`: several statements, the last one's rows. */
async function run(
  pglite: PGlite,
  text: string,
  parameters: readonly unknown[],
): Promise<Partial<Results<unknown>>> {
  try {
    if (parameters.length > 0) return await pglite.query(text, parameters as unknown[]);
    return (await pglite.exec(text)).at(-1) ?? {};
  } catch (error) {
    throw translated(error);
  }
}
