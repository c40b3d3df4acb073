import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.ts';

/** Another process works on the data directory; `message` says which and what to do. */
export class DatabaseBusyError extends Error {
  override readonly name = 'DatabaseBusyError';
  /** The process that holds it. */
  readonly pid: number;

  constructor(dataDir: string, pid: number) {
    super(
      `The embedded database in ${dataDir} is in use by process ${pid}, and only one at a time ` +
        'can use it. Stop that process, or set DATA_DIR to another directory, or DATABASE_URL to ' +
        'a PostgreSQL server.',
    );
    this.pid = pid;
  }
}

/** What the lock file says. */
export interface Claim extends ProcessIdentity {
  /** Names this claim and no other, ever. */
  readonly id: string;
  /** The control socket of the process, once it listens. */
  readonly socket?: string;
}

/** A lock held by this process. */
export interface DirectoryLock {
  /** Writes the control socket's path into the lock file, for commands to find. */
  announce(socket: string): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes the lock on a directory: the file `lock` in it, made complete and exclusively (by a hard
 * link). A dead process's claim is not removed, which two could do at once and remove each
 * other's: its successor links `lock.after-<its id>`, which one alone can do, and checks that the
 * chain from `lock` really leads to its own claim. Only then does it become `lock`.
 * Throws `DatabaseBusyError` while the holder lives.
 */
export async function lockDirectory(dataDir: string): Promise<DirectoryLock> {
  const own: Claim = { ...ownIdentity(), id: randomUUID() };
  const lock = join(dataDir, 'lock');
  const candidate = join(dataDir, `lock.new-${own.pid}-${own.id}`);
  await writeFile(candidate, JSON.stringify(own), { flag: 'wx', mode: 0o600 });
  try {
    for (;;) {
      const last = await lastClaim(dataDir);
      if (last && isAlive(last)) throw new DatabaseBusyError(dataDir, last.pid);
      const path = last ? join(dataDir, `lock.after-${last.id}`) : lock;
      if (!(await linked(candidate, path))) continue;
      if ((await lastClaim(dataDir))?.id === own.id) {
        if (path !== lock) await rename(path, lock);
        break;
      }
      await rm(path, { force: true });
    }
  } finally {
    await rm(candidate, { force: true });
  }
  await sweep(dataDir, own);
  return {
    async announce(socket) {
      const next = join(dataDir, `lock.new-${own.pid}-${own.id}`);
      await writeFile(next, JSON.stringify({ ...own, socket }), { mode: 0o600 });
      await rename(next, lock);
    },
    async release() {
      if ((await read(lock))?.id === own.id) await rm(lock, { force: true });
    },
  };
}

/** The living process that holds the directory, if there is one. */
export async function lockHolder(dataDir: string): Promise<Claim | undefined> {
  const claim = await lastClaim(dataDir);
  return claim && isAlive(claim) ? claim : undefined;
}

/** Follows the chain of claims from `lock` to its end. */
async function lastClaim(dataDir: string): Promise<Claim | undefined> {
  let last = await read(join(dataDir, 'lock'));
  for (let next = last; next; next = await read(join(dataDir, `lock.after-${next.id}`))) {
    last = next;
  }
  return last;
}

async function read(path: string): Promise<Claim | undefined> {
  try {
    const [text, { ino, mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    // A claim is complete before it has its name; one that is not lost its text to a power cut.
    return parse(text) ?? { pid: 0x7fffffff, id: `unreadable-${ino}-${mtimeMs}` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string): Claim | undefined {
  try {
    const claim = JSON.parse(text);
    return Number.isInteger(claim.pid) && /^[\w-]+$/.test(claim.id) ? claim : undefined;
  } catch {
    return undefined;
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes what dead processes left: claims on the way here, and candidates. */
async function sweep(dataDir: string, own: Claim): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const pid = /^lock\.new-(\d+)-/.exec(name)?.[1];
    const dead = pid !== undefined && Number(pid) !== own.pid && !isAlive({ pid: Number(pid) });
    const passed = name.startsWith('lock.after-') && name !== `lock.after-${own.id}`;
    if (dead || passed) await rm(join(dataDir, name), { force: true });
  }
}
