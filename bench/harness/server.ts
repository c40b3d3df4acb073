import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import type { Cores } from './cores.ts';
import { type HttpProcess, startHttpProcess } from './http-process.ts';
import type { Options } from './plan.ts';

/** The cost of a password's hash, given to the server and to what it is held against. */
export const ARGON2 = { memory: 19_456, time: 2, parallelism: 1 };

/** The real server as a process. */
export type Server = HttpProcess;

/** What a start needs. */
export interface ServerDeps {
  readonly cores: Cores;
  readonly options: Options;
}

/**
 * Starts the server on its core and waits until it is ready. The directories are the server's own
 * unless given (a later start on the same database needs the same keys).
 * @param settings variables of its own over those of every measurement
 */
export async function startServer(
  { cores, options }: ServerDeps,
  databaseUrl: string,
  home?: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const directory = home ?? (await mkdtemp(join(tmpdir(), 'keyturn-bench-server-')));
  const adminPort = await freePort();
  const profiling = options.profile
    ? ['--cpu-prof', `--cpu-prof-dir=${options.profile}`, '--cpu-prof-interval=200']
    : [];
  return startHttpProcess({
    cores,
    args: [...options.nodeFlags, ...profiling, options.entry, 'serve'],
    directory,
    temporary: home === undefined,
    log: options.log,
    readyPath: '/readyz',
    env: {
      ADMIN_PORT: String(adminPort),
      DATABASE_URL: databaseUrl,
      DATA_DIR: join(directory, 'data'),
      KEYS_DIR: join(directory, 'keys'),
      RATE_LIMIT: 'off',
      LOG_FORMAT: 'json',
      ARGON2_MEMORY: String(ARGON2.memory),
      ARGON2_TIME: String(ARGON2.time),
      ARGON2_PARALLELISM: String(ARGON2.parallelism),
      ...settings,
    },
  });
}
