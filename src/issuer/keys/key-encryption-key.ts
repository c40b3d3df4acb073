import { createHash, randomBytes } from 'node:crypto';
import { chmod, link, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory } from '../../kit/make-directory.ts';
import type { Secret } from '../../kit/secret.ts';
import { KeyTrouble } from './errors.ts';

/** A key that seals the private keys in the database. */
export interface KeyEncryptionKey {
  /** A fingerprint that says which key sealed something, and nothing else about it. */
  readonly id: string;
  readonly bytes: Uint8Array;
  /** Where it was found, in an operator's words: a file, a variable. */
  readonly where: string;
}

/** Where key-encryption keys come from. */
export type KeyEncryptionKeySource =
  | { readonly from: 'directory'; readonly dir: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'text'; readonly text: Secret<string> };

const HOW_TO_MAKE = "openssl rand 32 | basenc --base64url | tr -d '='";

/**
 * Reads one key: 32 bytes in base64url.
 * @throws KeyTrouble naming `where`, never the text
 */
export function parseKeyEncryptionKey(text: string, where: string): KeyEncryptionKey {
  const trimmed = text.trim().replace(/=$/, '');
  const bytes = Buffer.from(trimmed, 'base64url');
  if (bytes.length !== 32 || bytes.toString('base64url') !== trimmed) {
    throw new KeyTrouble(
      `${where} is not 32 bytes in base64url (43 characters). Make one with: ${HOW_TO_MAKE}`,
    );
  }
  return { id: createHash('sha256').update(bytes).digest('base64url').slice(0, 12), bytes, where };
}

/** The file's path of the first key in a directory that has none. */
const firstKeyFile = (dir: string): string => join(dir, '0001.key');

/**
 * Loads every key-encryption key of a source; the last one seals. A directory without keys, or
 * that does not exist, gives an empty list.
 * @throws KeyTrouble for an unreadable or malformed key, or a file that others can read
 */
export async function loadKeyEncryptionKeys(
  source: KeyEncryptionKeySource,
): Promise<KeyEncryptionKey[]> {
  switch (source.from) {
    case 'text':
      return parseList(source.text.reveal(), 'KEY_ENCRYPTION_KEY');
    case 'file':
      return parseList(
        await readText(source.path, 'KEY_ENCRYPTION_KEY_FILE: '),
        `KEY_ENCRYPTION_KEY_FILE (${source.path})`,
      );
    case 'directory':
      return loadDirectory(source.dir);
  }
}

function parseList(text: string, where: string): KeyEncryptionKey[] {
  const entries = text.split(',').filter((entry) => entry.trim());
  if (entries.length === 0) throw new KeyTrouble(`${where} is empty. Make a key: ${HOW_TO_MAKE}`);
  return entries.map((entry, i) =>
    parseKeyEncryptionKey(entry, entries.length > 1 ? `Key ${i + 1} of ${where}` : where),
  );
}

async function readText(path: string, variable = ''): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KeyTrouble(`${variable}${path} cannot be read: ${(error as Error).message}`);
  }
}

async function loadDirectory(dir: string): Promise<KeyEncryptionKey[]> {
  let names: string[];
  try {
    names = (await readdir(dir)).filter((name) => name.endsWith('.key')).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new KeyTrouble(`${dir} cannot be read: ${(error as Error).message}`);
  }
  const keys: KeyEncryptionKey[] = [];
  for (const name of names) {
    const path = join(dir, name);
    const mode = (await stat(path)).mode;
    if (process.platform !== 'win32' && mode & 0o077) {
      throw new KeyTrouble(`${path} can be read by others. Mend it with: chmod 600 ${path}`);
    }
    keys.push(parseKeyEncryptionKey(await readText(path), path));
  }
  return keys;
}

/**
 * Makes the first key of a directory, durable before it returns, so that nothing is ever sealed
 * under a key that a crash could lose. Of several processes at once one makes it.
 * @returns the directory's keys, as `loadKeyEncryptionKeys`
 */
export async function makeFirstKeyEncryptionKey(dir: string): Promise<KeyEncryptionKey[]> {
  const made = await makeDirectory('KEYS_DIR', dir);
  if (made) await syncDirectory(dirname(made));
  else await chmod(dir, 0o700);
  const path = firstKeyFile(dir);
  // Written beside and linked: a process that finds the name finds the whole key.
  const draft = join(dir, `.${process.pid}-${randomBytes(6).toString('hex')}.draft`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dir);
  return loadDirectory(dir);
}

async function syncDirectory(dir: string): Promise<void> {
  const directory = await open(dir, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
