import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BUNDLE } from '../kit/bundle.ts';

const ROOT = join(import.meta.dirname, '../..');

/** What a bundle was made of, in its `contents.json`. */
export interface Contents {
  /** Paths under the checkout: every source, and the package.json of every package. */
  readonly inputs: readonly string[];
  readonly fingerprint: string;
}

/**
 * Loads the program: its bundle, where there is one of exactly these sources, else the sources. A
 * thousand small modules take Node.js three times as long as a few large ones, and 13 MiB more.
 */
export async function loadProgram(): Promise<Pick<typeof import('../cli.ts'), 'run'>> {
  return hasBundle()
    ? import(pathToFileURL(join(ROOT, BUNDLE, 'cli.mjs')).href)
    : import('../cli.ts');
}

function hasBundle(): boolean {
  try {
    const text = readFileSync(join(ROOT, BUNDLE, 'contents.json'), 'utf8');
    const { inputs, fingerprint } = JSON.parse(text) as Contents;
    return fingerprint === fingerprintOf(ROOT, inputs);
  } catch {
    // None was made, or something that it was made of is gone.
    return false;
  }
}

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
