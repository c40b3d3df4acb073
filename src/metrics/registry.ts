import { Counter, collectDefaultMetrics, Registry } from 'prom-client';
import type { Durations } from './durations.ts';
import { addGauges, type Sources } from './gauges.ts';

/** The prefix of everything that is exported. */
const PREFIX = 'keyturn_';

/**
 * How often the delay of the event loop is looked at, in milliseconds. prom-client's own 10 would
 * wake an idle process a hundred times a second, and one that hashes passwords in the midst of them.
 */
const EVENT_LOOP_SAMPLING = 50;

/** A counter as it is kept: a number for each value of its one label, or for '' without any. */
export interface Count {
  readonly name: string;
  readonly help: string;
  readonly label: string | undefined;
  readonly counts: ReadonlyMap<string, number>;
}

/** What a registry reads when it is asked. */
export interface RegistryDeps {
  readonly counters: readonly Count[];
  readonly durations: Pick<Durations, 'values'>;
  readonly sources: Partial<Sources>;
  readonly version: string;
}

/** Makes a registry of its own: nothing is shared with others in this process. */
export function createRegistry({ counters, durations, sources, version }: RegistryDeps): Registry {
  const registry = new Registry();
  for (const counter of counters) addCounter(registry, counter);
  addDurations(registry, durations);
  addGauges(registry, PREFIX, sources, version);
  return registry;
}

/** Adds the figures of the process: memory, processor, event loop. */
export function addProcess(registry: Registry): void {
  collectDefaultMetrics({
    register: registry,
    prefix: PREFIX,
    eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLING,
  });
}

function addCounter(registry: Registry, { name, help, label, counts }: Count): void {
  new Counter({
    name: `${PREFIX}${name}`,
    help,
    labelNames: label === undefined ? [] : [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, count] of counts) {
        this.inc(label === undefined ? {} : { [label]: value }, count);
      }
    },
  });
}

/** A metric is to prom-client whatever answers `get`; its types ask for its own classes. */
function addDurations(registry: Registry, durations: Pick<Durations, 'values'>): void {
  const name = `${PREFIX}http_request_duration_seconds`;
  const kind = {
    name,
    help: 'Time from the request to the end of its answer.',
    type: 'histogram',
    aggregator: 'sum',
  };
  const metric = { ...kind, get: async () => ({ ...kind, values: durations.values(name) }) };
  registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
}
