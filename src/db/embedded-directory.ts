import { access, constants, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inDirectory, UnusableDirectory } from '../kit/make-directory.ts';

/** The embedded database's directory, in `DATA_DIR`. */
export const DIRECTORY = 'pglite';

/** Whether there is an embedded database under `dataDir`. */
export const hasEmbedded = (dataDir: string): Promise<boolean> => exists(join(dataDir, DIRECTORY));

/** Whether there is something at a path. @throws what `stat` does but for that */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );

/** PGlite throws no Error but a number of WASI's where the system refuses it a file. */
const SYSTEM_ERRORS: Readonly<Record<number, readonly [code: string, message: string]>> = {
  2: ['EACCES', 'EACCES: permission denied'],
  19: ['EDQUOT', 'EDQUOT: disk quota exceeded'],
  51: ['ENOSPC', 'ENOSPC: no space left on device'],
  63: ['EPERM', 'EPERM: operation not permitted'],
  69: ['EROFS', 'EROFS: read-only file system'],
};

/** What kept PGlite from opening a database, in words where it has none. */
export async function troubleOfOpening(dataDir: string, error: unknown): Promise<unknown> {
  const { errno } = (error ?? {}) as { errno?: unknown };
  if (!(error instanceof Error) && typeof errno === 'number') {
    const [code, message] = SYSTEM_ERRORS[errno] ?? ['EIO', `WASI error ${errno}`];
    return inDirectory('DATA_DIR', dataDir, Object.assign(new Error(message), { code }));
  }
  // Of a file that is another user's it says less: it aborts.
  const forbidden = await forbiddenIn(join(dataDir, DIRECTORY)).catch(() => undefined);
  return forbidden ? inDirectory('DATA_DIR', dataDir, forbidden) : error;
}

/** Why the first file under a directory that this user may not use is not. */
async function forbiddenIn(directory: string): Promise<Error | undefined> {
  const names = await readdir(directory, { withFileTypes: true, recursive: true });
  for (const entry of names) {
    try {
      await access(join(entry.parentPath, entry.name), constants.R_OK | constants.W_OK);
    } catch (error) {
      return error as Error;
    }
  }
  return undefined;
}

/**
 * Refuses root what belongs to somebody else: files that root adds to a database stay root's, and
 * its server would open it no more.
 * @throws UnusableDirectory
 */
export async function refuseToRoot(dataDir: string, user = process.getuid?.()): Promise<void> {
  if (user !== 0) return;
  const { uid } = await stat(join(dataDir, DIRECTORY));
  if (uid === 0) return;
  throw new UnusableDirectory(
    'DATA_DIR',
    dataDir,
    new Error(`its database belongs to the user ${uid}, who could not open what root adds to it`),
    `Run the command as that user, by: sudo -u '#${uid}'`,
  );
}
