import type { Duration } from '../kit/duration.ts';

/** Lets one in at a time, in the order of asking. */
export interface Turnstile {
  /** Resolves when it is one's turn; throws what `refusal` makes when that takes too long. */
  enter(): Promise<void>;
  /** Lets the next one in. */
  leave(): void;
  /** Refuses everybody from here on; resolves when whoever is in has left. */
  shut(): Promise<void>;
  /** Whether somebody is in. */
  readonly taken: boolean;
  readonly waiting: number;
}

/** Makes a turnstile at which nobody waits longer than `limit`. */
export function turnstile(limit: Duration, refusal: () => Error): Turnstile {
  const queue = new Set<PromiseWithResolvers<void>>();
  const empty = Promise.withResolvers<void>();
  let taken = false;
  let open = true;
  return {
    async enter() {
      if (!open) throw refusal();
      if (!taken) {
        taken = true;
        return;
      }
      const turn = Promise.withResolvers<void>();
      queue.add(turn);
      const timer = setTimeout(() => {
        queue.delete(turn);
        turn.reject(refusal());
      }, limit);
      await turn.promise.finally(() => clearTimeout(timer));
    },
    leave() {
      const [next] = queue;
      taken = next !== undefined;
      if (next) {
        queue.delete(next);
        next.resolve();
      } else if (!open) {
        empty.resolve();
      }
    },
    async shut() {
      open = false;
      for (const turn of queue) turn.reject(refusal());
      queue.clear();
      if (taken) await empty.promise;
    },
    get taken() {
      return taken;
    },
    get waiting() {
      return queue.size;
    },
  };
}
