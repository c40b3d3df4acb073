import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/free-port.ts';
import { atEnd } from './at-end.ts';
import { type Cores, onServerCore } from './cores.ts';
import type { Target } from './load.ts';

/** How long a start may take, in milliseconds. */
const START_LIMIT = 30_000;
const POLL = 2;

/** An HTTP server as a process. */
export interface HttpProcess extends Target, AsyncDisposable {
  /** From the spawn to the first 200 of what tells that it is ready, in milliseconds. */
  readonly startMillis: number;
}

/** What is started. */
export interface HttpProcessOptions {
  readonly cores: Cores;
  /** For Node.js. */
  readonly args: readonly string[];
  /** Where it runs and its standard error is kept: no checkout, so that no .env of a developer is read. */
  readonly directory: string;
  /** Whether the directory goes when the process has ended. */
  readonly temporary: boolean;
  /** The file for its standard output. */
  readonly log: string;
  readonly readyPath: string;
  /** Beside PATH and PORT. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts Node.js on the server's core with a free port in PORT, and waits until it is ready. */
export async function startHttpProcess(options: HttpProcessOptions): Promise<HttpProcess> {
  const { cores, directory } = options;
  const port = await freePort();
  const errorsFile = join(directory, 'stderr');
  const log = openSync(options.log, 'a');
  const errors = openSync(errorsFile, 'w');
  const started = performance.now();
  const child = spawn(...onServerCore(cores, process.execPath, options.args), {
    cwd: directory,
    stdio: ['ignore', log, errors],
    env: { PATH: process.env.PATH, PORT: String(port), ...options.env },
  });
  closeSync(log);
  closeSync(errors);
  const exited = once(child, 'exit');
  const clear = () => {
    if (options.temporary) rmSync(directory, { recursive: true, force: true });
  };
  const forget = atEnd(() => {
    child.kill('SIGKILL');
    clear();
  });

  async function stop(): Promise<void> {
    child.kill('SIGINT');
    await exited;
    forget();
    clear();
  }

  try {
    while (!(await isReady(port, options.readyPath))) {
      if (child.exitCode !== null || performance.now() - started > START_LIMIT) {
        throw new Error(`the server did not start: ${await readFile(errorsFile, 'utf8')}`);
      }
      await sleep(POLL);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const startMillis = performance.now() - started;
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process');
  return { port, pid, core: cores.server, startMillis, [Symbol.asyncDispose]: stop };
}

/** Whether `path` answers 200. */
function isReady(port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
