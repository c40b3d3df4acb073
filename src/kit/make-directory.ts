import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What the system says where a file system has no room. */
const FULL: ReadonlySet<string | undefined> = new Set(['ENOSPC', 'EDQUOT']);
/** What it says where this user may not do what is asked, and where nobody may. */
const FORBIDDEN: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM']);
const READ_ONLY = 'EROFS';

/** A directory that a setting names, or what is in it, can be neither used nor made. */
export class UnusableDirectory extends Error {
  override readonly name = 'UnusableDirectory';
  /** Whether it merely lacks room. */
  readonly full: boolean;

  constructor(variable: string, path: string, cause: NodeJS.ErrnoException, remedy?: string) {
    const full = FULL.has(cause.code);
    const why = cause.code === 'EEXIST' ? 'it is no directory' : cause.message;
    super(`${variable}: ${unusable(path, why, full ? 'Make room there.' : remedy)}`, { cause });
    this.full = full;
  }
}

/** What mends a directory of which some is another user's. */
const ALL_OF_IT = 'Give it, and all that is in it, to the user that Keyturn runs as.';

/**
 * What a failure in a directory comes of.
 * @returns an UnusableDirectory where rights or room are lacking, else what was given
 */
export function inDirectory(variable: string, path: string, error: unknown): unknown {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof Error)) return error;
  if (FORBIDDEN.has(code)) return new UnusableDirectory(variable, path, error, ALL_OF_IT);
  return FULL.has(code) || code === READ_ONLY
    ? new UnusableDirectory(variable, path, error)
    : error;
}

/** What to say of a directory that can be neither used nor made; to be read after a setting. */
export const unusable = (
  path: string,
  why: string,
  remedy = 'Name a directory that may be written.',
): string => `${path} cannot be used: ${why}. ${remedy}`;

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
