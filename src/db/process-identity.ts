import { readFileSync } from 'node:fs';

/** A process, told from a later one with the same id where the system can say. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the system counts; absent where there is no /proc. */
  readonly started?: string | undefined;
}

/** This process. */
export const ownIdentity = (): ProcessIdentity => ({
  pid: process.pid,
  started: inspect(process.pid)?.started,
});

/**
 * Whether that very process still runs. When in doubt (no /proc, a process of another user) it
 * does.
 */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const found = inspect(pid);
  if (!found) return true;
  if (found.state === 'Z' || found.state === 'X') return false;
  return started === undefined || started === found.started;
}

/** State and start of a process from /proc; ticks count from the boot, which is named too. */
function inspect(pid: number): { state: string | undefined; started: string } | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command in brackets may hold anything; the fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], started: `${boot}:${fields[19]}` };
  } catch {
    return undefined;
  }
}
