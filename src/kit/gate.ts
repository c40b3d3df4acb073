import type { Clock } from './clock.ts';
import type { Duration } from './duration.ts';
import { type AppError, unavailableError } from './errors.ts';
import { createFifo } from './fifo.ts';

/** Lets a bounded number of works run at once and a bounded number wait, in order of arrival. */
export interface Gate {
  /**
   * Runs `work` as soon as a place is free and settles as it does. Throws `unavailable` (503 with
   * Retry-After) when the queue is full, or instead of starting what has waited past `maxWait`.
   * A `signal` that aborts before the start takes the work out of the queue and rejects with its
   * reason; work that has started runs to its end.
   */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Throws what `run` would throw just now for a full queue; before work that leads up to it. */
  requireRoom(): void;
  stats(): GateStats;
}

/** What a gate is doing just now. */
export interface GateStats {
  readonly running: number;
  readonly waiting: number;
}

/** How wide a gate is. */
export interface GateOptions {
  /** Works that run at once, at least 1. */
  readonly concurrency: number;
  /** Works that may wait; 0 refuses whatever cannot start at once. */
  readonly queueLimit: number;
  /** How long a work may have waited and still be started; for ever when absent. */
  readonly maxWait?: Duration;
  readonly clock: Pick<Clock, 'monotonic'>;
}

interface Waiter {
  /** Arrival, on the monotonic clock. */
  readonly since: number;
  readonly admit: () => void;
  readonly refuse: (reason: AppError) => void;
}

/** How much the latest duration counts in the mean: about the last eight works decide it. */
const LATEST_SHARE = 1 / 8;

/**
 * Makes a gate. It keeps no timer: a waiter that is too old is refused when its turn comes, or
 * when a newcomer could use its place. Throws RangeError for a gate that would let nothing through.
 */
export function createGate({ concurrency, queueLimit, maxWait, clock }: GateOptions): Gate {
  if (!(concurrency >= 1)) throw new RangeError('A gate needs a concurrency of at least 1');
  const queue = createFifo<Waiter>();
  let running = 0;
  let meanDuration: number | undefined;

  function refusal(): AppError {
    const drained = ((meanDuration ?? 0) * (running + queue.size())) / concurrency;
    // Nothing waits longer than maxWait, so one slow work must not send clients away for an hour.
    const seconds = Math.ceil(Math.min(drained, maxWait ?? drained) / 1000);
    return unavailableError('Too much is waiting already; try again.', Math.max(1, seconds));
  }

  function refuseTooOld(): void {
    if (maxWait === undefined) return;
    const now = clock.monotonic();
    for (let place = queue.first(); place; place = queue.first()) {
      if (now - place.value.since <= maxWait) return;
      queue.remove(place);
      place.value.refuse(refusal());
    }
  }

  function admitNext(): void {
    refuseTooOld();
    const place = queue.first();
    if (!place) return;
    queue.remove(place);
    running += 1;
    place.value.admit();
  }

  function requireRoom(): void {
    if (running < concurrency) return;
    refuseTooOld();
    if (queue.size() >= queueLimit) throw refusal();
  }

  async function waitForAdmission(signal: AbortSignal | undefined): Promise<void> {
    requireRoom();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const place = queue.add({ since: clock.monotonic(), admit: resolve, refuse: reject });
    const giveUp = () => {
      if (queue.remove(place)) reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp);
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  return {
    async run(work, signal) {
      signal?.throwIfAborted();
      // Somebody waits only while all places are taken, so nobody is overtaken here.
      if (running < concurrency) running += 1;
      else await waitForAdmission(signal);
      const started = clock.monotonic();
      try {
        return await work();
      } finally {
        const duration = clock.monotonic() - started;
        meanDuration =
          meanDuration === undefined
            ? duration
            : meanDuration + (duration - meanDuration) * LATEST_SHARE;
        running -= 1;
        admitNext();
      }
    },
    requireRoom,
    stats: () => ({ running, waiting: queue.size() }),
  };
}
