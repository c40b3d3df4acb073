import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '../../kit/log.ts';
import { inDirectory } from '../../kit/make-directory.ts';
import type { KeyStateVersion } from './store.ts';

/**
 * The highest state version that this process, and those before it in the same data directory,
 * have seen of each database. One below it was restored from a backup.
 */
export interface HighWaterMark {
  /** Takes note of a version. @returns false when the database is older than it has been */
  accept(seen: KeyStateVersion): Promise<boolean>;
}

const FILE = 'state-version.json';

/**
 * Reads the mark of a data directory; one that cannot be written is kept in memory alone.
 * @throws UnusableDirectory for one that is there and cannot be read: it may know of a restoration
 */
export async function openHighWaterMark(
  dataDir: string,
  log: Pick<Logger, 'warn'>,
): Promise<HighWaterMark> {
  const path = join(dataDir, FILE);
  const highest = new Map(Object.entries(await read(path)));
  let writing = Promise.resolve();
  let warned = false;
  const save = async () => {
    try {
      // A command may share the directory with a server: neither lowers what the other has noted.
      for (const [id, version] of Object.entries(await read(path))) {
        highest.set(id, Math.max(version, highest.get(id) ?? version));
      }
      await write(path, Object.fromEntries(highest));
    } catch (err) {
      if (!warned)
        log.warn(
          { err },
          `${path} cannot be written: a restored backup goes unnoticed after a restart`,
        );
      warned = true;
    }
  };
  return {
    async accept({ instanceId, version }) {
      const known = highest.get(instanceId) ?? -1;
      if (version < known) return false;
      if (version > known) {
        highest.set(instanceId, version);
        writing = writing.then(save);
        await writing;
      }
      return true;
    },
  };
}

async function read(path: string): Promise<Record<string, number>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    return Object.fromEntries(entries.filter(([, version]) => Number.isSafeInteger(version)));
  } catch (error) {
    // Cut off by a power cut, or never written: what it would have told is lost, nothing else.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT')
      return {};
    throw inDirectory('DATA_DIR', path, error);
  }
}

async function write(path: string, value: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(JSON.stringify(value));
    // A command that root runs must not lock the server out of it. Where root may not give it away,
    // as on a network's disk, the mark is worth more than who has it.
    const { uid, gid } = await stat(dirname(path));
    if (process.getuid?.() === 0 && uid !== 0) await file.chown(uid, gid).catch(() => {});
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
