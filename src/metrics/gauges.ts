import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';

/** How the values of several processes become one. */
type Aggregation = 'sum' | 'min' | 'max' | 'first';

/** The signing keys as this process holds them. */
export interface KeyFigures {
  /** The keys that sign now: one, or none. */
  readonly signing: readonly { readonly kid: string; readonly ageSeconds: number }[];
  /** How many keys are published, by state. */
  readonly published: Readonly<Record<string, number>>;
  readonly nextRotationAt: Date | null;
  /** Whether this process may sign at this moment. */
  readonly canSign: boolean;
}

/** Where the gauges read when they are asked; undefined: nothing is known, no series is shown. */
export interface Sources {
  keys(): KeyFigures | undefined;
  /** What the last self-check found. */
  selfCheck(): { readonly ok: boolean; readonly checkedAt: Date } | undefined;
  /** Password hashes under way and those that wait for a thread. */
  hashing(): { readonly running: number; readonly waiting: number } | undefined;
  database():
    | { readonly connections: number; readonly idle: number; readonly waiting: number }
    | undefined;
  /** Mails in the outbox that have not been sent. */
  mail(): Promise<{ readonly waiting: number; readonly oldestSeconds: number } | undefined>;
}

/** In milliseconds. A collector waits a few seconds for all together, a database that is away for more. */
const PATIENCE = 1000;

/** One value of a gauge. */
interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Adds every gauge of ours to a registry. */
export function addGauges(
  registry: Registry,
  prefix: string,
  sources: Partial<Sources>,
  version: string,
): void {
  const gauge = (
    name: string,
    help: string,
    aggregator: Aggregation,
    labelNames: string[],
    read: () => readonly Sample[] | Promise<readonly Sample[]>,
  ) =>
    new Gauge({
      name: `${prefix}${name}`,
      help,
      labelNames,
      aggregator,
      registers: [registry],
      async collect() {
        const late = sleep(PATIENCE, [], { ref: false });
        const samples = await Promise.race([(async () => read())(), late]).catch(() => []);
        this.reset();
        // Without labels a reset gauge is 0, which would say something.
        if (labelNames.length === 0 && samples.length === 0) this.remove();
        for (const { labels = {}, value } of samples) this.set(labels, value);
      },
    });
  const seconds = (date: Date): number => +date / 1000;
  const counts = (figures: Readonly<Record<string, number>>): Sample[] =>
    Object.entries(figures).map(([state, value]) => ({ labels: { state }, value }));

  gauge(
    'signing_key_age_seconds',
    'For how long the key that signs has done so.',
    'max',
    ['kid'],
    () =>
      (sources.keys?.()?.signing ?? []).map(({ kid, ageSeconds }) => ({
        labels: { kid },
        value: ageSeconds,
      })),
  );
  gauge('published_keys', 'Keys in the JWKS, by state.', 'max', ['state'], () =>
    counts(sources.keys?.()?.published ?? {}),
  );
  gauge(
    'next_rotation_timestamp_seconds',
    'When the planned rotation is next due, in Unix time.',
    'min',
    [],
    () => {
      const at = sources.keys?.()?.nextRotationAt;
      return at ? [{ value: seconds(at) }] : [];
    },
  );
  gauge('can_sign', '1 while a signing key may be used, else 0.', 'min', [], () => {
    const keys = sources.keys?.();
    return keys ? [{ value: Number(keys.canSign) }] : [];
  });
  gauge('self_check_ok', '1 while the world sees the keys it should, else 0.', 'min', [], () => {
    const last = sources.selfCheck?.();
    return last ? [{ value: Number(last.ok) }] : [];
  });
  gauge(
    'self_check_timestamp_seconds',
    'When the self-check last looked, in Unix time.',
    'min',
    [],
    () => {
      const last = sources.selfCheck?.();
      return last ? [{ value: seconds(last.checkedAt) }] : [];
    },
  );
  gauge(
    'password_hashes',
    'Password hashes: running, or waiting for a thread.',
    'sum',
    ['state'],
    () => counts({ ...sources.hashing?.() }),
  );
  gauge('database_connections', 'Connections to the database.', 'sum', ['state'], () => {
    const pool = sources.database?.();
    return pool ? counts({ busy: pool.connections - pool.idle, idle: pool.idle }) : [];
  });
  gauge('database_waiting', 'Statements that wait for a connection.', 'sum', [], () => {
    const pool = sources.database?.();
    return pool ? [{ value: pool.waiting }] : [];
  });
  gauge('mail_waiting', 'Mails that have not been sent.', 'max', [], async () => {
    const outbox = await sources.mail?.();
    return outbox ? [{ value: outbox.waiting }] : [];
  });
  gauge('mail_oldest_seconds', 'For how long the oldest of them waits.', 'max', [], async () => {
    const outbox = await sources.mail?.();
    return outbox ? [{ value: outbox.oldestSeconds }] : [];
  });
  gauge(
    'build_info',
    'Always 1; its labels name the release.',
    'first',
    ['version', 'node'],
    () => [{ labels: { version, node: process.version }, value: 1 }],
  );
}
