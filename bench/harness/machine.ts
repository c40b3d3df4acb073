import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import type { Bench } from './bench.ts';

const PACKAGES = [
  'koa',
  '@koa/router',
  'jose',
  '@node-rs/argon2',
  'argon2',
  'kysely',
  'pg',
  'pino',
];
/** One process that waits for a processor half of the time. */
const BUSY = 0.5;

/** What the figures depend on. */
export function machineFacts({ cores, database, options, plan }: Bench, busy: number): string[] {
  const [cpu, ...more] = cpus();
  const packages = PACKAGES.map((name) => `${name} ${versionOf(name)}`);
  const gib = Math.round(totalmem() / 1024 ** 3);
  return [
    `${cpu?.model ?? 'unknown processor'}, ${1 + more.length} cores, ${gib} GiB; ${type()} ${release()}`,
    cores.note,
    `Node.js ${process.versions.node}; PostgreSQL ${database.version}${options.fsync ? '' : ', fsync off'}; ${opensslVersion() ?? 'no openssl'}`,
    packages.join(', '),
    `log to ${options.log}; ${plan.repetitions} repetitions of ${plan.run / 1000} s`,
    ...(options.nodeFlags.length > 0 ? [`node ${options.nodeFlags.join(' ')}`] : []),
    ...(plan.quick ? ['QUICK: these figures are worth little'] : []),
    ...(busy > BUSY
      ? [`NOISY: the load average was ${busy.toFixed(1)} before the start; see "others"`]
      : []),
  ];
}

/** How many processes ran or wanted to in the last minute. */
export const loadAverage = (): number => loadavg()[0] ?? 0;

/** The first line of `openssl version`; undefined where it is not installed. */
export function opensslVersion(): string | undefined {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim().split(' (')[0];
  } catch {
    return undefined;
  }
}

function versionOf(name: string): string {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json');
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return 'not installed';
  }
}
