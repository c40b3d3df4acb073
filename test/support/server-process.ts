import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
import { parseDuration } from '../../src/kit/duration.ts';
import { newDirectory, type Storage } from './databases.ts';
import { ISSUER } from './keyturn.ts';
import { within } from './lived-time.ts';
import { LONG } from './thorough.ts';

/** What `keyturn` runs. */
export const MAIN = join(import.meta.dirname, '../../src/main.ts');

/**
 * V8 compiles PGlite in a second or two of a core, and again for speed while that runs: a server
 * that lives for a moment, as most do here, is better off without the second time.
 */
const ONCE_COMPILED = '--liftoff-only';

/** Bounds every wait, far above what a slow machine takes. */
export const WAIT = { timeout: 60_000, interval: 10 };

/** A server ends within this many milliseconds of a signal and of the delay that it asks for. */
const LIMIT = 15_000;

/** How long, in milliseconds, a test of many rounds may take: what fails is found long before. */
export const PATIENCE = LONG ? 1_800_000 : 900_000;

/** Variables for a process, which inherits none but PATH. */
export type Env = Readonly<Record<string, string | undefined>>;

/** How a process ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process that was started. */
export interface RunningProcess {
  readonly pid: number;
  /** What it has written so far. */
  readonly said: { readonly stdout: string; readonly stderr: string };
  kill(signal: NodeJS.Signals): void;
  /** Resolves when it has ended and all that it wrote was read. */
  readonly ended: Promise<Ended>;
}

/** Where a server stands: its environment, and the directory it starts in. */
export interface Site {
  readonly env: Env;
  readonly cwd: string;
  /** A command with its options that runs Node.js in its place; none unless told otherwise. */
  readonly under?: readonly string[];
  /** What `startServer` has Node.js run; this checkout's `keyturn serve` unless told otherwise. */
  readonly serve?: readonly string[];
}

/** A server that listens on a port of its own. */
export interface ServerProcess extends RunningProcess {
  readonly url: string;
  /** Waits for `/readyz` to be 200. */
  ready(): Promise<ServerProcess>;
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended>;
}

const running = new Set<ChildProcess>();
const killAll = () => {
  for (const child of running) child.kill('SIGKILL');
};
process.on('exit', killAll);
afterAll(async () => {
  const ends = [...running].map((child) => once(child, 'exit'));
  killAll();
  await Promise.all(ends);
});

/** Starts Node.js; the process is killed when the test file is done, if not before. */
export function startNode(argv: readonly string[], { env, cwd, under = [] }: Site): RunningProcess {
  const node = [process.execPath, ...(argv[0] === MAIN ? [ONCE_COMPILED] : [])];
  const [command = process.execPath, ...words] = [...under, ...node, ...argv];
  const child = spawn(command, words, {
    cwd,
    // Many servers run beside each other: the private listener takes any free port.
    env: { PATH: process.env.PATH, ADMIN_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  return {
    pid: child.pid ?? -1,
    said,
    kill: (signal) => void child.kill(signal),
    ended: once(child, 'close').then(([status, signal]) => ({ status, signal, ...said })),
  };
}

/** Runs a `keyturn` command to its end. */
export const runCommand = (argv: readonly string[], site: Site): Promise<Ended> =>
  startNode([MAIN, ...argv], site).ended;

/** A place without anything in it, for commands that get no further than their configuration. */
export const emptySite = async (env: Env = {}): Promise<Site> => ({
  cwd: await newDirectory(),
  env,
});

/** A place for a server on a database, with an empty KEYS_DIR. */
export async function siteOn(storage: Pick<Storage, 'url' | 'dataDir'>, env: Env = {}) {
  const cwd = await newDirectory();
  const common = {
    DATABASE_URL: storage.url,
    DATA_DIR: storage.dataDir,
    KEYS_DIR: join(cwd, 'keys'),
    PORT: '0',
    ISSUER_URL: ISSUER,
    RATE_LIMIT: 'off',
    DRAIN_DELAY: '1s',
  };
  return { cwd, env: { ...common, ...env } };
}

/** The same place for one more server: all is shared but DATA_DIR. */
export const replicaOf = async ({ cwd, env }: Site): Promise<Site> => ({
  cwd,
  env: { ...env, DATA_DIR: join(await newDirectory(), 'data') },
});

/** Starts a server on a free port and resolves when it listens; throws when it ends instead. */
export async function startServer(site: Site): Promise<ServerProcess> {
  const server = startNode(site.serve ?? [MAIN, 'serve'], site);
  let end: Ended | undefined;
  void server.ended.then((ended) => {
    end = ended;
  });
  const reached = async <T>(goal: () => Promise<T> | T): Promise<T> => {
    const result = await vi
      .waitUntil(async () => end ?? (await goal()), WAIT)
      .catch(() => {
        throw new Error(`the server gets no further: ${JSON.stringify(server.said)}`);
      });
    if (end) throw new Error(`the server ended: ${JSON.stringify(end)}`);
    return result as T;
  };
  const port = await reached(
    () => logLines(server.said.stdout).find(({ msg }) => msg === 'listening')?.port,
  );
  const url = `http://127.0.0.1:${port}`;
  return {
    ...server,
    url,
    async ready() {
      await reached(async () => (await statusOf(`${url}/readyz`)) === 200);
      return this;
    },
    async stop(signal) {
      server.kill(signal);
      const delay = signal === 'SIGTERM' ? (parseDuration(site.env.DRAIN_DELAY ?? '3s') ?? 0) : 0;
      return within(delay + LIMIT, server.ended).catch((cause) => {
        throw new Error(`the server does not end: ${JSON.stringify(server.said)}`, { cause });
      });
    },
  };
}

/** The whole lines of a log so far; throws on one that is no JSON. */
export const logLines = (text: string): Record<string, unknown>[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** The status of a GET on a connection of its own; undefined where nobody answers. */
export async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { headers: { Connection: 'close' } });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}
