import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Which cores the two sides run on. */
export interface Cores {
  /** The one core of the server, or of what it is compared with; undefined: not pinned. */
  readonly server: number | undefined;
  /** All that this process was given. */
  readonly all: readonly number[];
  /** What was done, in words. */
  readonly note: string;
}

/**
 * Moves this process, and with it PostgreSQL when that is started later, off the last core that it
 * may use, which is kept for the server.
 */
export function divideCores(): Cores {
  const allowed = allowedCores();
  const server = allowed.at(-1);
  const unpinned = (why: string): Cores => ({
    server: undefined,
    all: allowed,
    note: `NOT pinned: ${why}`,
  });
  if (server === undefined) return unpinned('this is not Linux');
  if (allowed.length < 2) return unpinned('there is only one core');
  const others = allowed.slice(0, -1);
  try {
    moveTo(others);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return unpinned(`taskset did not work (${reason})`);
  }
  const note = `server on core ${server}, driver and PostgreSQL on ${others.join(',')}`;
  return { server, all: allowed, note };
}

/** Lets this process, and all that it starts from now on, run on every core until it is disposed of. */
export function shareCores({ server, all }: Cores): Disposable & { readonly cores: Cores } {
  if (server !== undefined) moveTo(all);
  const note = `${all.length} cores for server, driver and PostgreSQL together`;
  return {
    cores: { server: undefined, all, note },
    [Symbol.dispose]() {
      if (server !== undefined) moveTo(all.slice(0, -1));
    },
  };
}

function moveTo(cores: readonly number[]): void {
  const list = cores.join(',');
  execFileSync('taskset', ['-a', '-cp', list, String(process.pid)], { stdio: 'ignore' });
}

/** The command line that runs `command` on the server's core. */
export function onServerCore(
  { server }: Cores,
  command: string,
  args: readonly string[],
): readonly [string, readonly string[]] {
  if (server === undefined) return [command, args];
  return ['taskset', ['-c', String(server), command, ...args]];
}

function allowedCores(): number[] {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'utf8');
  } catch {
    return [];
  }
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
