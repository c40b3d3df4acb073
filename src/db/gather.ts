import DataLoader from 'dataloader';
import type { Db } from './database.ts';
import { isNotSupported } from './errors.ts';
import { sharingOf } from './statement.ts';

const UNKNOWN =
  'the database does not know a statement that calls share; from now on each has its own';

/** The most calls that share a statement, unless said otherwise. */
const MOST = 64;

/**
 * Makes calls on a database that come in one turn of the event loop share a statement: to send one
 * and to read what it brings costs a process more than all else it does for a small answer. A call
 * that is alone, or inside a transaction, runs `one`; several run `many`, which answers each in its
 * place. What `many` throws, all of them throw; but where the engine does not know its SQL (0A000),
 * it is not asked again, and each call runs `one`.
 * @param most the most calls that `many` gets at once
 */
export function gathering<Call extends object, Answer>(
  one: (db: Db, call: Call) => Promise<Answer>,
  many: (db: Db, calls: readonly Call[]) => Promise<readonly Answer[]>,
  most = MOST,
): (db: Db, call: Call) => Promise<Answer> {
  const loaders = new WeakMap<Db, DataLoader<Call, Answer>>();
  const loaderOf = (db: Db) => {
    let together = true;
    return new DataLoader<Call, Answer>(
      async (calls) => {
        if (calls.length > 1 && together) {
          try {
            return await many(db, calls);
          } catch (error) {
            if (!isNotSupported(error)) throw error;
            // Another statement of the kind may have been under way.
            if (together) sharingOf(db)?.log.info({ reason: (error as Error).message }, UNKNOWN);
            together = false;
          }
        }
        return Promise.all(calls.map((call) => one(db, call).catch(asError)));
      },
      { cache: false, maxBatchSize: most, batchScheduleFn: setImmediate },
    );
  };
  return async (db, call) => {
    if (db.isTransaction) return one(db, call);
    // By now: the statement runs in the context of the first of them.
    sharingOf(db)?.check();
    let loader = loaders.get(db);
    if (!loader) {
      loader = loaderOf(db);
      loaders.set(db, loader);
    }
    return loader.load(call);
  };
}

/** How a loader is told that one of its calls has failed. */
const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error(String(reason));
