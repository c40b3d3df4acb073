// common-passwords.txt.br holds the passwords of @zxcvbn-ts/language-common 4.1.3 that have eight
// characters or more (shorter ones are refused by their length), in lower case, each once, sorted
// by their bytes, a line each, compressed with Brotli. Its licence lies beside it. Made from that
// package's src/passwords.json, read as `list`, by
//
//   const kept = list.map((p) => p.normalize('NFC').toLowerCase()).filter((p) => [...p].length > 7);
//   const lines = [...new Set(kept)].map((p) => Buffer.from(`${p}\n`)).sort(Buffer.compare);
//   writeFileSync('common-passwords.txt.br', brotliCompressSync(Buffer.concat(lines)));

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';

/** The list of passwords that nobody may choose. */
export interface CommonPasswords {
  /** Passwords on the list. */
  readonly size: number;
  /** Whether a password, in NFC, is on the list in whatever case; a few microseconds. */
  has(password: string): boolean;
}

const FILE = new URL('./common-passwords.txt.br', import.meta.url);
const NEWLINE = 0x0a;

/**
 * Reads the list: at the start, once. It stays in memory as the one text that it is (some 170 kB)
 * and is searched there. Throws when the file beside this module is missing or damaged.
 */
export async function loadCommonPasswords(): Promise<CommonPasswords> {
  const lines = await promisify(brotliDecompress)(await readFile(FILE));
  return {
    size: lines.reduce((count, byte) => (byte === NEWLINE ? count + 1 : count), 0),
    has: (password) => hasLine(lines, Buffer.from(password.toLowerCase())),
  };
}

/** Searches sorted lines, each ended by a newline, by halving their bytes. */
function hasLine(lines: Buffer, wanted: Buffer): boolean {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = middle === 0 ? 0 : lines.lastIndexOf(NEWLINE, middle - 1) + 1;
    const end = lines.indexOf(NEWLINE, middle);
    const order = wanted.compare(lines, start, end);
    if (order === 0) return true;
    if (order < 0) high = start;
    else low = end + 1;
  }
  return false;
}
