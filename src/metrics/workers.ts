import { Counter, Gauge, Registry } from 'prom-client';
import type { Snapshot } from '../metrics.ts';
import { addProcess } from './registry.ts';

/** What the process counts that starts the workers. */
export interface WorkerMetrics {
  /** Workers that run now. */
  alive(count: number): void;
  /** Another worker was started for one that ended by itself. */
  restarted(): void;
  snapshot(): Promise<Snapshot>;
}

/** Makes the metrics of the process that starts the workers. */
export function createWorkerMetrics(): WorkerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const alive = new Gauge({ name: 'keyturn_workers', help: 'Workers that run.', registers });
  const restarts = new Counter({
    name: 'keyturn_worker_restarts_total',
    help: 'Workers started for others that ended by themselves.',
    registers,
  });
  addProcess(registry);
  return {
    alive: (count) => alive.set(count),
    restarted: () => restarts.inc(),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}
