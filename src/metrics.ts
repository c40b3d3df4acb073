import type { Registry } from 'prom-client';
import { createDurations, type ResponseFigures } from './metrics/durations.ts';
import type { Sources } from './metrics/gauges.ts';
import type { Count } from './metrics/registry.ts';

/** A finished answer to `GET /metrics`: Prometheus text. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** Every metric of one process as plain data, for whoever adds up several processes. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** The metrics of one Keyturn. What is counted is told by calls, the rest is asked for when read. */
export interface Metrics {
  /** An HTTP request was answered. */
  readonly onResponse: (info: ResponseFigures) => void;
  /** A security event happened. */
  readonly authEvent: (event: string) => void;
  /** An access token was judged: `ok` or the error's code. */
  readonly validated: (result: string) => void;
  /** Somebody asked for what belongs to another user. */
  readonly crossUserAccess: () => void;
  /** The resource server fetched the issuer's keys: `ok` or what was wrong. */
  readonly jwksFetched: (result: string) => void;
  /** A login ended: `ok` or the error's code. */
  readonly login: (result: string) => void;
  /** A refresh token was presented, and that became of it. */
  readonly refresh: (result: string) => void;
  /** Shows these series from the start, at zero: `increase()` does not see a series begin. */
  expect(known: KnownSeries): void;
  /** Where the gauges read; a source that has nothing to say, or throws, shows no series. */
  observe(sources: Partial<Sources>): void;
  /** Adds the figures of the process: memory, processor, event loop. Once a process. */
  watchProcess(): Promise<void>;
  snapshot(): Promise<Snapshot>;
  render(): Promise<Exposition>;
}

/** Label values that can come. */
export interface KnownSeries {
  readonly events?: readonly string[];
  readonly validations?: readonly string[];
  readonly logins?: readonly string[];
  readonly refreshes?: readonly string[];
  readonly jwksFetches?: readonly string[];
}

/**
 * Makes metrics. What is counted is kept in plain numbers; prom-client, which takes its time to
 * load, comes when they are first asked for.
 */
export function createMetrics({ version }: { readonly version: string }): Metrics {
  const validations = createCounts();
  const logins = createCounts();
  const refreshes = createCounts();
  const fetches = createCounts();
  const events = createCounts();
  const crossUser = createCounts();
  crossUser.expect(['']);
  const durations = createDurations();
  const sources: Partial<Sources> = {};
  const counters: readonly Count[] = [
    {
      name: 'token_validations_total',
      help: 'Access tokens judged, by what was found.',
      label: 'result',
      counts: validations.counts,
    },
    {
      name: 'logins_total',
      help: 'Logins, by how they ended.',
      label: 'result',
      counts: logins.counts,
    },
    {
      name: 'refreshes_total',
      help: 'Refresh tokens presented, by what became of them.',
      label: 'result',
      counts: refreshes.counts,
    },
    {
      name: 'jwks_fetch_total',
      help: "The resource server's fetches of the issuer's keys.",
      label: 'result',
      counts: fetches.counts,
    },
    {
      name: 'auth_events_total',
      help: 'Security events, by name.',
      label: 'event',
      counts: events.counts,
    },
    {
      name: 'cross_user_access_total',
      help: "Attempts at another user's resources.",
      label: undefined,
      counts: crossUser.counts,
    },
  ];
  let made: Promise<Registry> | undefined;
  const registry = (): Promise<Registry> => {
    made ??= import('./metrics/registry.ts').then(({ createRegistry }) =>
      createRegistry({ counters, durations, sources, version }),
    );
    return made;
  };

  return {
    onResponse: durations.add,
    authEvent: events.count,
    validated: validations.count,
    crossUserAccess: () => crossUser.count(''),
    jwksFetched: fetches.count,
    login: logins.count,
    refresh: refreshes.count,
    expect(known) {
      events.expect(known.events);
      validations.expect(known.validations);
      logins.expect(known.logins);
      refreshes.expect(known.refreshes);
      fetches.expect(known.jwksFetches);
    },
    observe(more) {
      Object.assign(sources, more);
    },
    async watchProcess() {
      const [{ addProcess }, own] = await Promise.all([
        import('./metrics/registry.ts'),
        registry(),
      ]);
      addProcess(own);
    },
    snapshot: async () => (await registry()).getMetricsAsJSON(),
    async render() {
      const own = await registry();
      return { contentType: own.contentType, text: await own.metrics() };
    },
  };
}

/** Counts by the value of a label. */
function createCounts() {
  const counts = new Map<string, number>();
  return {
    counts,
    count(value: string): void {
      counts.set(value, (counts.get(value) ?? 0) + 1);
    },
    /** Shows these at zero until they come. */
    expect(values: readonly string[] = []): void {
      for (const value of values) counts.set(value, counts.get(value) ?? 0);
    },
  };
}
