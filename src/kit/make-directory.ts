import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A directory that a setting names can be neither used nor made. */
export class UnusableDirectory extends Error {
  override readonly name = 'UnusableDirectory';

  constructor(variable: string, path: string, cause: NodeJS.ErrnoException) {
    const why = cause.code === 'EEXIST' ? 'it is no directory' : cause.message;
    super(`${variable}: ${unusable(path, why)}`, { cause });
  }
}

/** What to say of a directory that can be neither used nor made; to be read after a setting. */
export const unusable = (path: string, why: string): string =>
  `${path} cannot be used: ${why}. Name a directory that may be written.`;

/** Why `makeDirectory` would not make a directory, as far as can be told without doing it. */
export async function faultOfMaking(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return (await isDirectory(path)) ? undefined : 'it is no directory';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const above = dirname(path);
    return code === 'ENOENT' && above !== path ? faultOfMaking(above) : message;
  }
}

/**
 * Makes a directory and those above it that are missing, each for its owner alone (0700). Node's
 * own recursive way never returns where a file system lets nobody make one, such as /proc.
 * @param variable the setting that names it
 * @returns the topmost that was made; undefined when it was there
 * @throws UnusableDirectory
 */
export async function makeDirectory(variable: string, path: string): Promise<string | undefined> {
  try {
    return await make(path);
  } catch (error) {
    throw new UnusableDirectory(variable, path, error as NodeJS.ErrnoException);
  }
}

async function make(path: string): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await isDirectory(path))) return undefined;
    if (code !== 'ENOENT' || (await isDirectory(dirname(path)))) throw error;
    const topmost = await make(dirname(path));
    return topmost === undefined ? make(path) : make(path).then(() => topmost);
  }
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
