import { AsyncLocalStorage } from 'node:async_hooks';

/** Notices the outer database in use inside a transaction. */
export interface NestingGuard {
  /** Runs `work`, the inside of a transaction. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Called before a connection is taken; throws within `run`. */
  check(): void;
}

/**
 * Makes the guard of one database. Inside a transaction its outer handle would wait for a
 * connection that the transaction itself holds: for ever on the embedded database, and on
 * PostgreSQL whenever the pool is full.
 */
export function nestingGuard(): NestingGuard {
  const current = new AsyncLocalStorage<{ open: boolean }>();
  return {
    async run(work) {
      const transaction = { open: true };
      try {
        return await current.run(transaction, work);
      } finally {
        // What the work has left running may use the database again from here on.
        transaction.open = false;
      }
    },
    check() {
      if (current.getStore()?.open) {
        throw new Error('The database was used inside its own transaction: use the transaction');
      }
    },
  };
}
