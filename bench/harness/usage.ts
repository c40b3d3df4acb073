import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const MICROS_PER_TICK = 10_000;
const MIB = 1024 * 1024;

/** Processor time that processes, all threads together, have used so far, in µs; undefined off Linux. */
export function processMicros(pids: readonly number[]): number | undefined {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statOf(pid);
    if (!fields) return undefined;
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * MICROS_PER_TICK;
}

/** A process and all that it has started; off Linux itself alone. */
export function family(pid: number): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [pid];
  }
  const children = names.map(Number).filter((each) => Number(statOf(each)?.[1]) === pid);
  return [pid, ...children.flatMap(family)];
}

/** What /proc says of a process, from its state on. */
function statOf(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The name before the last parenthesis may hold anything.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** How long a core has been busy since the machine started, in µs; undefined off Linux. */
export function coreMicros(core: number): number | undefined {
  const line = read('/proc/stat')?.match(new RegExp(`^cpu${core} (.*)$`, 'm'))?.[1];
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * MICROS_PER_TICK;
}

/** The memory that a process holds, in MiB; undefined off Linux. */
export function residentMib(pid: number): number | undefined {
  const kib = read(`/proc/${pid}/status`)?.match(/^VmRSS:\s*(\d+) kB$/m)?.[1];
  return kib === undefined ? undefined : (Number(kib) * 1024) / MIB;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
