import type { Secret } from '../kit/secret.ts';
import { hostsInClear, parseDatabaseUrl } from './connections.ts';
import { quote, Refusal, type Source } from './source.ts';

const MAX_WORKERS = 256;

/** Reads where the data is; the embedded database is refused in production unless allowed. */
export function readDatabase(
  source: Source,
  production: boolean,
): { readonly url: Secret<string> | undefined; readonly prepared: boolean } {
  const url = source.parsed('DATABASE_URL', parseDatabaseUrl);
  const prepared = source.choice('DATABASE_PREPARED', ['on', 'off']) === 'on';
  const allowed = source.parsed('EMBEDDED_DATABASE', parseAllowed) ?? false;
  const embedded = source.given('DATABASE_URL') === undefined;
  if (production && embedded && !source.faulty('EMBEDDED_DATABASE')) {
    if (allowed) {
      source.warn(
        'EMBEDDED_DATABASE',
        'the embedded database survives a killed process but not a power cut: keep backups',
      );
    } else {
      source.fault(
        'DATABASE_URL',
        'production needs PostgreSQL, or EMBEDDED_DATABASE=yes to accept the embedded database',
      );
    }
  }
  const inClear = url ? hostsInClear(url) : [];
  if (inClear.length > 0) {
    source.warn(
      'DATABASE_URL',
      `it does not say that TLS is spoken with ${inClear.map(quote).join(', ')}: end it in ` +
        '?sslmode=verify-full, or in ?sslmode=disable where nobody else is on the way',
    );
  }
  return { url, prepared };
}

function parseAllowed(text: string): boolean {
  if (text !== 'yes' && text !== 'no') throw new Refusal(`${quote(text)} is none of yes, no`);
  return text === 'yes';
}

/** Reads how many processes share the listener; more than one needs PostgreSQL. */
export function readWorkers(source: Source, cores: number, postgres: boolean): number {
  const possible = postgres || source.faulty('DATABASE_URL');
  if (source.given('WORKERS') === 'auto') {
    if (possible) return Math.max(1, cores);
    source.warn('WORKERS', 'the embedded database is for one process: auto means 1');
    return 1;
  }
  const workers = source.integer('WORKERS', 1, MAX_WORKERS, 'or auto');
  if (workers > 1 && !possible) {
    source.fault('WORKERS', `${workers} processes need PostgreSQL: set DATABASE_URL as well`);
  } else if (workers > cores) {
    source.warn('WORKERS', `${workers} processes on ${cores} cores get in each other's way`);
  }
  return workers;
}
