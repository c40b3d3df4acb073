import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'keyturn-test-';
const VARIABLE = 'KEYTURN_TEST_RUN';

/** Where Linux keeps files in memory: databases come and go there in a fraction of the time. */
const MEMORY = '/dev/shm';
/** Ten times what all databases of a run take at once. */
const ROOM = 4 * 2 ** 30;

/**
 * The directory of this test run, shared by its processes once `startRun` has made it. A process
 * that has none (one file run by itself) makes its own and removes it at its end.
 */
export function runDirectory(): string {
  const shared = process.env[VARIABLE];
  if (shared) return shared;
  const own = startRun();
  process.on('exit', () => rmSync(own, { recursive: true, force: true }));
  return own;
}

/** Makes the directory and tells the processes started from here; sweeps what dead runs left. */
export function startRun(): string {
  for (const root of new Set([tmpdir(), dataRoot()])) {
    for (const name of readdirSync(root)) {
      const pid = name.startsWith(PREFIX) ? Number.parseInt(name.slice(PREFIX.length), 10) : 0;
      if (pid > 0 && !runs(pid)) rmSync(join(root, name), { recursive: true, force: true });
    }
  }
  const path = ownDirectory();
  process.env[VARIABLE] = path;
  return path;
}

/** Where a directory of data is made: in memory where there is plenty, else among the temporary. */
export function dataRoot(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    const room = Math.min(bavail * bsize, process.availableMemory());
    if (room > ROOM) return MEMORY;
  } catch {
    // Not Linux, or no such place.
  }
  return tmpdir();
}

/** A directory of data that goes by itself: its name tells later runs whose it was. */
export const ownDirectory = (): string => mkdtempSync(join(dataRoot(), `${PREFIX}${process.pid}-`));

/** A directory on disk to install programs in: from memory some systems run none. */
export const programDirectory = (): string =>
  mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
