import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Cores, onServerCore } from './cores.ts';
import type { Target } from './load.ts';

/** A file of `limits/` as a process on the server's core. */
export interface LimitProcess extends AsyncDisposable {
  readonly pid: number;
  /** Sends a message and resolves with the next one that comes back. */
  ask(message: unknown): Promise<unknown>;
}

/** Starts a file of `limits/`. It ends when it is disposed of, or with this process. */
export function startLimit(
  cores: Cores,
  file: string,
  env: Readonly<Record<string, string>> = {},
): LimitProcess {
  const path = join(import.meta.dirname, '..', 'limits', file);
  const child = spawn(...onServerCore(cores, process.execPath, [path]), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { PATH: process.env.PATH, ...env },
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} did not start`);
  const exited = once(child, 'exit');
  return {
    pid,
    async ask(message) {
      const answered = once(child, 'message');
      child.send(message as object);
      const early = exited.then(([code]) => {
        throw new Error(`${file} ended with ${code}`);
      });
      const [answer] = await Promise.race([answered, early]);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** Starts a limit that is an HTTP server: it takes what it needs and answers with its port. */
export async function startLimitServer(
  cores: Cores,
  file: string,
  needs: unknown,
): Promise<Target & AsyncDisposable> {
  const limit = startLimit(cores, file);
  const port = Number(await limit.ask(needs));
  return {
    port,
    pid: limit.pid,
    core: cores.server,
    [Symbol.asyncDispose]: () => limit[Symbol.asyncDispose](),
  };
}
