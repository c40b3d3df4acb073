import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BUNDLE } from '../kit/bundle.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What a bundle was made of, and what it is, in its `contents.json`. */
export interface Contents {
  /** Under the checkout: every source, and the package.json of every package. */
  readonly made: Fingerprinted;
  /** In the bundle's own folder: a power cut may have left some of it. */
  readonly kept: Fingerprinted;
}

/** Files as they were. */
interface Fingerprinted {
  readonly paths: readonly string[];
  readonly fingerprint: string;
}

/**
 * Loads the program: its bundle, where there is one of exactly these sources, else the sources. A
 * start with a thousand small modules takes twice as long as with a few large ones, and 15 MiB more.
 */
export async function loadProgram(): Promise<Pick<typeof import('../cli.ts'), 'run'>> {
  return hasBundle()
    ? import(pathToFileURL(join(ROOT, BUNDLE, 'cli.mjs')).href)
    : import('../cli.ts');
}

function hasBundle(): boolean {
  const directory = join(ROOT, BUNDLE);
  try {
    // Where packages are a link to another checkout's, so would be all that the bundle reads.
    if (realpathSync(directory) !== join(realpathSync(ROOT), BUNDLE)) return false;
    const text = readFileSync(join(directory, 'contents.json'), 'utf8');
    const { made, kept } = JSON.parse(text) as Contents;
    return isAsItWas(ROOT, made) && isAsItWas(directory, kept);
  } catch {
    // None was made, or a file is gone.
    return false;
  }
}

const isAsItWas = (root: string, { paths, fingerprint }: Fingerprinted): boolean =>
  fingerprintOf(root, paths) === fingerprint;

/**
 * Tells the contents of files from any others.
 * @throws Error when one cannot be read
 */
export function fingerprintOf(root: string, paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = readFileSync(join(root, path));
    hash.update(`${path} ${content.length}\n`).update(content);
  }
  return hash.digest('base64url');
}
