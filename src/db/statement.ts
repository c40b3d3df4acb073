import { CompiledQuery } from 'kysely';
import type { Db } from './database.ts';

/** What a statement brought. */
export interface Result<Row> {
  readonly rows: Row[];
  /** How many rows an INSERT, UPDATE, DELETE or MERGE touched; 0 for anything else. */
  readonly affected: number;
}

/** Runs one statement on a connection of its own. */
export type Shortcut = (
  text: string,
  parameters: readonly unknown[],
) => Promise<{ readonly rows: unknown[]; readonly affected: number }>;

const shortcuts = new WeakMap<Db, Shortcut>();

/** Has `execute` take a way past Kysely for a database: what that adds is a third of the cost. */
export function setShortcut(db: Db, shortcut: Shortcut): void {
  shortcuts.set(db, shortcut);
}

const guards = new WeakMap<Db, () => void>();

/** Has `gathering` look at each call before others share its statement; `check` throws. */
export function setCallGuard(db: Db, check: () => void): void {
  guards.set(db, check);
}

/** What `setCallGuard` was given for this database, run for the call at hand. */
export const checkCall = (db: Db): void => guards.get(db)?.();

/**
 * Runs SQL text with `$1`, `$2` … as it stands, inside a transaction or out: for hot statements,
 * where building and compiling a query costs more than running it. The row type is the caller's
 * word. Throws as the database does (errors.ts).
 */
export async function execute<Row>(
  db: Db,
  text: string,
  parameters: readonly unknown[] = [],
): Promise<Result<Row>> {
  const shortcut = shortcuts.get(db);
  if (shortcut) return (await shortcut(text, parameters)) as Result<Row>;
  const result = await db.executeQuery<Row>(CompiledQuery.raw(text, parameters as unknown[]));
  return { rows: result.rows, affected: Number(result.numAffectedRows ?? 0) };
}
