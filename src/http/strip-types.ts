import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

/**
 * TypeScript for browsers as JavaScript: types become blanks, nothing else changes. What was
 * stripped once is kept beside what Node.js has compiled, where there is such a cache: the compiler
 * takes 20 MiB and a tenth of a second.
 * @throws SyntaxError for what is more than types
 */
export function stripTypes(code: string): string {
  const directory = getCompileCacheDir();
  if (directory === undefined) return strip(code);
  const name = createHash('sha256').update(code).digest('base64url');
  const path = join(directory, `stripped-${name}.js`);
  const known = read(path);
  // Stripping keeps every line: what has fewer was cut off by a power cut.
  if (known !== undefined && lines(known) === lines(code)) return known;
  const stripped = strip(code);
  keep(path, stripped);
  return stripped;
}

/** Node.js runs our own sources by the same code, but warns of it when it is called by name. */
function strip(code: string): string {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(code).replaceAll(/[ \t]+$/gm, '');
  } finally {
    process.emitWarning = emitWarning;
  }
}

const lines = (text: string): number => text.split('\n').length;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whole or not at all, since others may start at this moment; a cache that cannot be is none. */
function keep(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    writeFileSync(unfinished, text);
    renameSync(unfinished, path);
  } catch {
    // The next start strips anew.
    rmSync(unfinished, { force: true });
  }
}
