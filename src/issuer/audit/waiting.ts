import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError, unavailable } from '../../kit/errors.ts';
import type { Logger } from '../../kit/log.ts';
import type { AuditEvent } from './store.ts';

/** What the buffer needs. */
export interface WaitingDeps {
  readonly insert: (events: readonly AuditEvent[]) => Promise<void>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Events that wait to be stored. */
export interface Waiting {
  /** Takes an event and has it stored soon; throws nothing. */
  add(event: AuditEvent): void;
  /** Stores what waits, as far as the database is there. @returns how many still wait */
  flush(): Promise<number>;
}

/** A few megabytes: minutes of an attack while the database is away. */
const MOST = 10_000;
/** What one statement takes. */
const BATCH = 500;

/**
 * A bounded buffer in front of the table. One statement is under way at a time, and whatever comes
 * meanwhile goes with the next: alone an event is stored at once, in a flood by the hundred. While
 * the database is away it waits for the next `flush`; what finds no room is counted and said.
 */
export function createWaiting({ insert, log }: WaitingDeps): Waiting {
  // An event may be noted in the midst of a transaction, which this must not take for its own.
  const outside = AsyncLocalStorage.snapshot();
  let waiting: AuditEvent[] = [];
  let running: Promise<void> | undefined;
  let away = false;
  let dropped = 0;

  async function store(): Promise<void> {
    for (;;) {
      const batch = waiting.slice(0, BATCH);
      if (batch.length === 0) break;
      try {
        await insert(batch);
      } catch (err) {
        if (err instanceof AppError && err.spec === unavailable) {
          away = true;
          return;
        }
        log.error(
          { err, events: batch.length },
          'audit events could not be stored; the log has them',
        );
      }
      waiting = waiting.slice(batch.length);
    }
    away = false;
    if (dropped > 0) {
      log.warn({ events: dropped }, 'audit events were not stored while the database was away');
    }
    dropped = 0;
  }

  const start = (): Promise<void> => {
    running ??= outside(async () => {
      // What comes in the same turn goes along.
      await Promise.resolve();
      try {
        await store();
      } finally {
        running = undefined;
      }
    });
    return running;
  };

  return {
    add(event) {
      if (waiting.length >= MOST) {
        if (dropped === 0) log.warn('the audit trail is full until the database is back');
        dropped += 1;
        return;
      }
      waiting.push(event);
      if (!away) void start();
    },
    async flush() {
      await running;
      await start();
      return waiting.length + dropped;
    },
  };
}
