import { unavailableError } from '../kit/errors.ts';
import { type Database, type DatabaseOptions, openDatabase } from './database.ts';
import { DatabaseBusyError, lockHolder } from './directory-lock.ts';

/**
 * Opens the database of a server. A command that has the embedded one to itself is soon done: it
 * is to be waited for, as any database that is away.
 * @throws AppError 503 `unavailable` meanwhile; DatabaseBusyError where another server has it
 */
export async function openWhenFree(options: DatabaseOptions): Promise<Database> {
  try {
    return await openDatabase(options);
  } catch (error) {
    if (!(error instanceof DatabaseBusyError)) throw error;
    // Servers alone say how they are reached, once they serve.
    const holder = await lockHolder(options.dataDir);
    if (holder?.socket !== undefined) throw error;
    throw unavailableError('The embedded database is in use.', 1, error);
  }
}
