import { setTimeout as sleep } from 'node:timers/promises';
import { seconds } from '../kit/duration.ts';
import { addUp, lasting } from '../metrics/aggregate.ts';
import { createWorkerMetrics } from '../metrics/workers.ts';
import type { Snapshot } from '../metrics.ts';

/** A worker that does not answer by then counts with what it said last. */
const PATIENCE = seconds(2);

/** A worker to be asked for its metrics. */
interface Asked {
  readonly worker: number;
  readonly ask: (id: number) => void;
}

/** Gathers what every worker counts, those that have ended included, so that no sum goes back. */
export function createTally() {
  const own = createWorkerMetrics();
  /** What each worker said last. */
  const said = new Map<number, Snapshot>();
  /** What those that have ended said last. */
  let departed: Snapshot[] = [];
  const waiting = new Map<number, { readonly worker: number; readonly stop: () => void }>();
  let asked = 0;

  async function ask({ worker, ask: put }: Asked): Promise<void> {
    const id = asked++;
    const answered = new AbortController();
    waiting.set(id, { worker, stop: () => answered.abort() });
    put(id);
    await sleep(PATIENCE, undefined, { signal: answered.signal }).catch(() => {});
    waiting.delete(id);
  }

  return {
    alive: own.alive,
    restarted: own.restarted,
    /** A worker answered. */
    counted(id: number, snapshot: Snapshot) {
      const asker = waiting.get(id);
      if (!asker) return;
      said.set(asker.worker, snapshot);
      asker.stop();
    },
    /** A worker is no more: what it counted since it was last asked is lost with it. */
    ended(worker: number) {
      const last = said.get(worker);
      if (last) departed.push(lasting(last));
      said.delete(worker);
      // Its last words may come after its end: they are counted already, or lost.
      for (const [id, asker] of waiting) {
        if (asker.worker !== worker) continue;
        waiting.delete(id);
        asker.stop();
      }
    },
    /** Asks the workers, and answers everything there is to add up. */
    async collect(workers: readonly Asked[]): Promise<Snapshot[]> {
      await Promise.all(workers.map(ask));
      // One snapshot, however many workers come and go.
      if (departed.length > 1) departed = [await addUp(departed)];
      return [await own.snapshot(), ...said.values(), ...departed];
    },
  };
}
