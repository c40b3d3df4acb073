import { createHash, randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  access,
  chmod,
  constants,
  link,
  open,
  readdir,
  readFile,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { faultOfMaking, inDirectory, makeDirectory, unusable } from '../../kit/make-directory.ts';
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

/** The variable that a source is set by. */
const VARIABLES = {
  directory: 'KEYS_DIR',
  file: 'KEY_ENCRYPTION_KEY_FILE',
  text: 'KEY_ENCRYPTION_KEY',
} as const;

/** What keeps the keys of a source from being used. */
export interface KeyFault {
  readonly variable: (typeof VARIABLES)[KeyEncryptionKeySource['from']];
  /** To be read after the variable's name. */
  readonly problem: string;
}

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
 * @throws KeyTrouble for an unreadable or malformed key, or a file that others can read; it names
 *   the variable
 */
export async function loadKeyEncryptionKeys(
  source: KeyEncryptionKeySource,
): Promise<KeyEncryptionKey[]> {
  try {
    return await load(source);
  } catch (error) {
    if (!(error instanceof KeyTrouble)) throw error;
    throw new KeyTrouble(`${VARIABLES[source.from]}: ${error.message}`);
  }
}

/**
 * Looks at the keys of a source as a server will read them, and makes none.
 * @param mayMakeKeys whether the server makes a key where a directory has none
 * @returns what is wrong, of every file; undefined when they will do
 */
export async function faultOfKeys(
  source: KeyEncryptionKeySource,
  mayMakeKeys: boolean,
): Promise<KeyFault | undefined> {
  const variable = VARIABLES[source.from];
  try {
    if (source.from === 'file' && (await readsOnce(source.path))) return undefined;
    if (source.from === 'directory' && (await holdsPipe(source.dir))) return undefined;
    const keys = await load(source);
    if (keys.length > 0 || source.from !== 'directory') return undefined;
    if (!mayMakeKeys) return { variable, problem: noKeysIn(source.dir) };
    const why = await faultOfMaking(source.dir);
    return why === undefined ? undefined : { variable, problem: unusable(source.dir, why) };
  } catch (error) {
    if (!(error instanceof KeyTrouble)) throw error;
    return { variable, problem: error.message };
  }
}

/** What to say where there are no keys and none may be made; to be read after KEYS_DIR. */
export const noKeysIn = (dir: string): string =>
  `${dir} holds no key-encryption key (*.key), and production makes none by itself. Bring back the ` +
  `one that the database is sealed under; make one for a new database: umask 077; ${HOW_TO_MAKE} > ` +
  firstKeyFile(dir);

async function load(source: KeyEncryptionKeySource): Promise<KeyEncryptionKey[]> {
  switch (source.from) {
    case 'text':
      return parseList(source.text.reveal(), 'it', 'KEY_ENCRYPTION_KEY');
    case 'file':
      refuseKeyAsPath(source.path);
      return parseList(
        await readText(source.path),
        source.path,
        `KEY_ENCRYPTION_KEY_FILE (${source.path})`,
      );
    case 'directory':
      return loadDirectory(source.dir);
  }
}

/** @param it how a complaint names the text, after the variable */
function parseList(text: string, it: string, where: string): KeyEncryptionKey[] {
  const entries = text.split(',').filter((entry) => entry.trim());
  if (entries.length === 0) throw new KeyTrouble(`${it} is empty. Make a key: ${HOW_TO_MAKE}`);
  return entries.map((entry, i) => {
    const [one, place] = entries.length > 1 ? [`key ${i + 1} of `, `Key ${i + 1} of `] : ['', ''];
    return { ...parseKeyEncryptionKey(entry, `${one}${it}`), where: `${place}${where}` };
  });
}

/** What is a key by itself is not to be shown as the name of a file that is not there. */
function refuseKeyAsPath(path: string): void {
  if (!path.split(',').some((part) => /^[\w-]{43}=?$/.test(part.trim()))) return;
  throw new KeyTrouble('it holds a key. Name a file here, or set KEY_ENCRYPTION_KEY instead');
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function statusOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Whether a path is a pipe or the like: what is read there is not there for the next reader. */
async function readsOnce(path: string): Promise<boolean> {
  refuseKeyAsPath(path);
  const status = await statusOf(path);
  if (status.isFile() || status.isDirectory()) return false;
  try {
    await access(path, constants.R_OK);
  } catch (error) {
    throw unreadable(path, error);
  }
  return true;
}

async function holdsPipe(dir: string): Promise<boolean> {
  for (const path of await keyFilesIn(dir)) if (await readsOnce(path)) return true;
  return false;
}

const unreadable = (path: string, error: unknown): KeyTrouble =>
  new KeyTrouble(`${path} cannot be read: ${(error as Error).message}`);

async function keyFilesIn(dir: string): Promise<string[]> {
  try {
    const names = (await readdir(dir)).filter((name) => name.endsWith('.key')).sort();
    return names.map((name) => join(dir, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw unreadable(dir, error);
  }
}

async function loadDirectory(dir: string): Promise<KeyEncryptionKey[]> {
  const files = await Promise.allSettled((await keyFilesIn(dir)).map(loadFile));
  const troubles = files.flatMap((one) => (one.status === 'rejected' ? [one.reason.message] : []));
  if (troubles.length > 0) throw new KeyTrouble(troubles.join('; '));
  return files.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

async function loadFile(path: string): Promise<KeyEncryptionKey> {
  const { mode } = await statusOf(path);
  if (process.platform !== 'win32' && mode & 0o077) {
    throw new KeyTrouble(`${path} can be read by others. Mend it with: chmod 600 ${path}`);
  }
  return parseKeyEncryptionKey(await readText(path), path);
}

/**
 * Makes the first key of a directory, durable before it returns, so that nothing is ever sealed
 * under a key that a crash could lose. Of several processes at once one makes it.
 * @returns the directory's keys, as `loadKeyEncryptionKeys`
 */
export async function makeFirstKeyEncryptionKey(dir: string): Promise<KeyEncryptionKey[]> {
  await makeFirstKey(dir).catch((error) => Promise.reject(inDirectory('KEYS_DIR', dir, error)));
  return loadDirectory(dir);
}

async function makeFirstKey(dir: string): Promise<void> {
  const made = await makeDirectory('KEYS_DIR', dir);
  if (made) await syncDirectory(dirname(made));
  else await chmod(dir, 0o700);
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
    await link(draft, firstKeyFile(dir));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await syncDirectory(dir);
}

async function syncDirectory(dir: string): Promise<void> {
  const directory = await open(dir, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
