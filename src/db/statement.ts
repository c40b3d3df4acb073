import { CompiledQuery } from 'kysely';
import type { DatabaseLog, Db } from './database.ts';

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

/** What `gathering` needs of a database besides. */
export interface Sharing {
  /** Looks at a call before others share its statement; throws. */
  readonly check: () => void;
  readonly log: DatabaseLog;
}

const sharings = new WeakMap<Db, Sharing>();

/** Has `gathering` know a database. */
export function setSharing(db: Db, sharing: Sharing): void {
  sharings.set(db, sharing);
}

/** What `setSharing` was given for this database. */
export const sharingOf = (db: Db): Sharing | undefined => sharings.get(db);

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
