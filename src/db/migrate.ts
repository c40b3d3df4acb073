import { createHash } from 'node:crypto';
import { type Duration, seconds } from '../kit/duration.ts';
import type { Database, Db } from './database.ts';
import { execute } from './statement.ts';

/** Scripts by name; they run in the order of their names. */
export type Migrations = Readonly<Record<string, string>>;

/**
 * Brings a database up to date and returns the names applied now, in one transaction: all or
 * none. Of many processes that start at once one migrates and the rest wait. What ran stands in
 * the table `<name>_migrations` with its SHA-256. Scripts the database has and this code does not
 * are only warned of (an older release beside a newer one); one whose text has changed since it
 * ran throws an Error that names it. A table that others hold for long is not waited for, since all
 * who want it would queue up behind: that throws the 503 `unavailable`, and is tried again later.
 */
export async function migrate(
  database: Database,
  name: string,
  migrations: Migrations,
): Promise<string[]> {
  // Without the lock first: the usual start writes nothing and needs no right to make tables.
  const before = await readState(database.db, name, migrations);
  if (before.ahead.length > 0) {
    database.log.warn(
      { database: name, migrations: before.ahead },
      'the database is ahead of this release: it has migrations that this release does not know',
    );
  }
  if (before.pending.length === 0) return [];
  const now = await database.time();
  return await database.patientTransaction(async (tx) => {
    await execute(tx, 'set local statement_timeout = 0; set local lock_timeout = 0');
    await execute(tx, 'select pg_advisory_xact_lock($1::text::bigint)', [lockNumber(name)]);
    await execute(
      tx,
      `create table if not exists ${tableOf(name)} (
         name text primary key, sha256 text not null, applied_at timestamptz not null)`,
    );
    await execute(tx, `set local lock_timeout = '${TABLE_WAIT}ms'`);
    const { pending } = await readState(tx, name, migrations);
    for (const script of pending) {
      const text = migrations[script] ?? '';
      await execute(tx, text);
      await execute(tx, `insert into ${tableOf(name)} values ($1, $2, $3)`, [
        script,
        digest(text),
        now,
      ]);
    }
    return pending;
  });
}

/** How long a migration holds up those who use a table while it waits for them. */
const TABLE_WAIT: Duration = seconds(1);

/** The names that have yet to run, for readiness; throws as `migrate` on a changed one. */
export async function pendingMigrations(
  database: Database,
  name: string,
  migrations: Migrations,
): Promise<string[]> {
  return (await readState(database.db, name, migrations)).pending;
}

async function readState(db: Db, name: string, migrations: Migrations) {
  const names = Object.keys(migrations).sort();
  const table = await execute<{ there: boolean }>(
    db,
    'select to_regclass($1::text) is not null as there',
    [tableOf(name)],
  );
  if (!table.rows[0]?.there) return { pending: names, ahead: [] };
  const applied = await execute<{ name: string; sha256: string }>(
    db,
    `select name, sha256 from ${tableOf(name)} order by name`,
  );
  const known = new Map(applied.rows.map((row) => [row.name, row.sha256]));
  for (const script of names) {
    const sha256 = known.get(script);
    if (sha256 !== undefined && sha256 !== digest(migrations[script] ?? '')) {
      throw new Error(
        `migration ${script} of ${name} has changed since it ran: restore its text and put the ` +
          'change into a new migration',
      );
    }
  }
  return {
    pending: names.filter((script) => !known.has(script)),
    ahead: [...known.keys()].filter((script) => !Object.hasOwn(migrations, script)),
  };
}

/** The table's name goes into SQL text, so only what needs no quoting is let through. */
function tableOf(name: string): string {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(name)) throw new Error(`not a name for migrations: ${name}`);
  return `${name}_migrations`;
}

/** Line ends differ between checkouts; the script does not. */
const digest = (text: string): string =>
  createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');

/** The advisory lock of one set of migrations. */
const lockNumber = (name: string): string =>
  createHash('sha256').update(`keyturn migrations ${name}`).digest().readBigInt64BE().toString();
