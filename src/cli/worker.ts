import cluster from 'node:cluster';
import type { Metrics, Snapshot } from '../metrics.ts';
import type { StopSignal } from './stop-signal.ts';

/** What the process that starts the workers tells one of them. */
export type Order =
  | { readonly keyturn: 'stop'; readonly signal: StopSignal }
  | { readonly keyturn: 'count'; readonly id: number };

/** What a worker tells the process that started it. */
export type Word =
  | { readonly keyturn: 'ready' }
  | { readonly keyturn: 'counted'; readonly id: number; readonly snapshot: Snapshot };

/** Says whether a worker listens while it starts: as long as no other is there to answer. */
export const LISTENING = 'KEYTURN_WORKER_LISTENS';

/** A worker's line to the process that started it. */
export interface WorkerLink {
  readonly id: number;
  readonly listensAtOnce: boolean;
  /** The order to stop. */
  readonly stop: Promise<StopSignal>;
  /** Says that this worker serves. */
  ready(): void;
  /** Answers with these metrics when asked. */
  count(metrics: Metrics): void;
  /** Lets the process end. */
  leave(): void;
}

/** The line of this process, where it is a worker. */
export function workerLink(env: Readonly<Record<string, string | undefined>>) {
  const { worker } = cluster;
  if (!worker) return undefined;
  const { promise: stop, resolve } = Promise.withResolvers<StopSignal>();
  let metrics: Metrics | undefined;
  const say = (word: Word) => {
    // Nobody is left to hear it when the line breaks; the process ends then.
    if (worker.isConnected()) worker.send(word, undefined, () => {});
  };
  worker.on('message', async (order: Order) => {
    if (order.keyturn === 'stop') resolve(order.signal);
    if (order.keyturn !== 'count' || !metrics) return;
    say({ keyturn: 'counted', id: order.id, snapshot: await metrics.snapshot() });
  });
  const link: WorkerLink = {
    id: worker.id,
    listensAtOnce: env[LISTENING] !== 'when ready',
    stop,
    ready: () => say({ keyturn: 'ready' }),
    count(given) {
      metrics = given;
    },
    leave: () => worker.disconnect(),
  };
  return link;
}
