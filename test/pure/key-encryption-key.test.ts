import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { KeyTrouble } from '../../src/issuer/keys/errors.ts';
import {
  faultOfKeys,
  loadKeyEncryptionKeys,
  makeFirstKeyEncryptionKey,
  parseKeyEncryptionKey,
} from '../../src/issuer/keys/key-encryption-key.ts';
import { Secret } from '../../src/kit/secret.ts';

const newText = (): string => randomBytes(32).toString('base64url');
const idOf = (text: string): string => parseKeyEncryptionKey(text, 'here').id;
const ids = (keys: readonly { id: string }[]): string[] => keys.map(({ id }) => id);

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'keyturn-keys-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
});

async function put(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text, { mode });
  await chmod(path, mode);
  return path;
}

const fromDirectory = () => loadKeyEncryptionKeys({ from: 'directory', dir });

describe('the text of a key', () => {
  test('is 32 bytes in base64url; white space around it and one padding sign are let pass', () => {
    const text = newText();
    for (const variant of [text, `  ${text}\n`, `${text}=`]) {
      const key = parseKeyEncryptionKey(variant, 'here');
      expect(Buffer.from(key.bytes).toString('base64url')).toBe(text);
      expect(key.id).toBe(idOf(text));
    }
  });

  test('gives an id that differs from key to key and holds none of the key', () => {
    const [a, b] = [newText(), newText()];
    expect(idOf(a)).not.toBe(idOf(b));
    expect(a).not.toContain(idOf(a));
  });

  const good = newText();
  test.each([
    ['is empty', ''],
    ['is short', good.slice(1)],
    ['is long', `${good}A`],
    ['is hexadecimal', randomBytes(32).toString('hex')],
    ['is base64', `+/${good.slice(2)}`],
    ['is not canonical', `${'A'.repeat(42)}B`],
    ['has white space inside', `${good.slice(0, 20)} ${good.slice(20)}`],
  ])('that %s is refused by the name of its place, never shown', (_, text) => {
    const refused = () => parseKeyEncryptionKey(text, 'the place');
    expect(refused).toThrow(KeyTrouble);
    expect(refused).toThrow(/^the place is not 32 bytes .*openssl rand 32/);
    if (text) expect(refused).not.toThrow(text);
  });
});

describe('a list of keys', () => {
  test('comes in its order, from text and from a file of any mode', async () => {
    const [a, b] = [newText(), newText()];
    const path = await put('mounted', `${a},\n${b}\n`, 0o644);
    const wanted = [idOf(a), idOf(b)];
    const text = new Secret(`${a},${b},`);
    expect(ids(await loadKeyEncryptionKeys({ from: 'text', text }))).toEqual(wanted);
    expect(ids(await loadKeyEncryptionKeys({ from: 'file', path }))).toEqual(wanted);
  });

  test('that is empty, or has a bad key, says which', async () => {
    const load = (text: string) => loadKeyEncryptionKeys({ from: 'text', text: new Secret(text) });
    await expect(load(' , ')).rejects.toThrow('KEY_ENCRYPTION_KEY: it is empty');
    await expect(load(`${newText()},bad`)).rejects.toThrow(
      'KEY_ENCRYPTION_KEY: key 2 of it is not',
    );
    await expect(load('bad')).rejects.toThrow(/^KEY_ENCRYPTION_KEY: it is not/);
  });

  test('in a file that is not there is trouble, not an empty list', async () => {
    const missing = loadKeyEncryptionKeys({ from: 'file', path: join(dir, 'missing') });
    await expect(missing).rejects.toThrow(KeyTrouble);
  });
});

describe('a directory', () => {
  test('gives its *.key files in the order of their names, and nothing else', async () => {
    const [a, b] = [newText(), newText()];
    await put('0002.key', b);
    await put('0001.key', a);
    await put('README.md', 'not a key', 0o644);
    await put('.1-draft.draft', 'half a k');
    expect(ids(await fromDirectory())).toEqual([idOf(a), idOf(b)]);
  });

  test('that is empty or not there gives no keys', async () => {
    expect(await fromDirectory()).toEqual([]);
    await rm(dir, { recursive: true });
    expect(await fromDirectory()).toEqual([]);
  });

  test('that is no directory is trouble', async () => {
    const path = await put('file', '');
    const load = loadKeyEncryptionKeys({ from: 'directory', dir: path });
    await expect(load).rejects.toThrow(KeyTrouble);
  });

  test.skipIf(process.platform === 'win32').each([0o640, 0o604, 0o620, 0o601])(
    'with a key of mode %o is refused, with the command that mends it',
    async (mode) => {
      const path = await put('0001.key', newText(), mode);
      await expect(fromDirectory()).rejects.toThrow(`chmod 600 ${path}`);
    },
  );

  test('names every key that is not good', async () => {
    const torn = await put('0002.key', 'half a k');
    await put('0003.key', newText());
    const ajar = await put('0004.key', newText(), 0o644);
    await mkdir(join(dir, '0005.key'), { mode: 0o700 });
    await expect(fromDirectory()).rejects.toThrow(
      new RegExp(
        `^KEYS_DIR: ${torn} is not 32 .*; ${ajar} can be read .*${ajar}; ${dir}/0005.key cannot`,
      ),
    );
  });
});

describe('what a server would refuse', () => {
  const inFile = (path: string) => faultOfKeys({ from: 'file', path }, true);
  const inDirectory = (mayMakeKeys: boolean) =>
    faultOfKeys({ from: 'directory', dir }, mayMakeKeys);

  test('is told by the variable, the name of which is not in what is wrong', async () => {
    const missing = join(dir, 'missing');
    const short = await put('short', 'x');
    const ajar = await put('0001.key', newText(), 0o644);
    const found = [await inFile(missing), await inFile(short), await inFile(dir)];
    expect(found).toEqual(
      [missing, short, dir].map((path) => ({
        variable: 'KEY_ENCRYPTION_KEY_FILE',
        problem: expect.stringMatching(new RegExp(`^${path} (is not|cannot be read)`)),
      })),
    );
    expect(await inDirectory(true)).toEqual({
      variable: 'KEYS_DIR',
      problem: expect.stringMatching(new RegExp(`^${ajar} can be read by others`)),
    });
  });

  test('is an empty directory where no key may be made; none is made by looking', async () => {
    expect(await inDirectory(true)).toBeUndefined();
    expect(await inDirectory(false)).toMatchObject({ variable: 'KEYS_DIR' });
    expect(await readdir(dir)).toEqual([]);
  });

  test('is no good key', async () => {
    const path = await put('0001.key', newText());
    expect(await inFile(path)).toBeUndefined();
    expect(await inDirectory(false)).toBeUndefined();
  });

  test.skipIf(process.platform === 'win32')('is not looked for in a pipe', async () => {
    const path = join(dir, 'pipe');
    await promisify(execFile)('mkfifo', [path]);
    expect(await inFile(path)).toBeUndefined();
    await promisify(execFile)('mkfifo', ['-m', '600', join(dir, '0001.key')]);
    expect(await inDirectory(false)).toBeUndefined();
  });

  test('is a key where the name of a file belongs, which is not shown', async () => {
    const key = newText();
    for (const path of [key, `${newText()},${key}`]) {
      const fault = await inFile(path);
      expect(fault?.problem).toMatch(/^it holds a key\./);
      const loaded = loadKeyEncryptionKeys({ from: 'file', path });
      await expect(loaded).rejects.toThrow(/^KEY_ENCRYPTION_KEY_FILE: it holds a key\. Name/);
    }
  });

  test('is a directory that cannot be made', async () => {
    const file = await put('file', 'x');
    const below = join(file, 'a', 'keys');
    expect(await faultOfKeys({ from: 'directory', dir: below }, true)).toEqual({
      variable: 'KEYS_DIR',
      problem: expect.stringContaining(`${below} cannot be read: ENOTDIR`),
    });
    expect(await faultOfKeys({ from: 'directory', dir: join(dir, 'a', 'b') }, true)).toBe(
      undefined,
    );
    expect(await readdir(dir)).toEqual(['file']);
  });
});

describe('the first key', () => {
  test('is made in a directory that others cannot enter, in a file that others cannot read', async () => {
    const deep = join(dir, 'a', 'keys');
    const [key, ...more] = await makeFirstKeyEncryptionKey(deep);
    expect(more).toEqual([]);
    expect(await readdir(deep)).toEqual(['0001.key']);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
    expect((await stat(join(deep, '0001.key'))).mode & 0o777).toBe(0o600);
    expect(idOf(await readFile(join(deep, '0001.key'), 'utf8'))).toBe(key?.id);
  });

  test('closes a directory that was there already', async () => {
    const open = join(dir, 'keys');
    await mkdir(open);
    await chmod(open, 0o755);
    await makeFirstKeyEncryptionKey(open);
    expect((await stat(open)).mode & 0o777).toBe(0o700);
  });

  test('is the same for all who make it at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, () => makeFirstKeyEncryptionKey(dir)),
    );
    expect(new Set(made.flatMap(ids)).size).toBe(1);
    expect(await readdir(dir)).toEqual(['0001.key']);
  });

  test('never replaces one that is there', async () => {
    const text = newText();
    await put('0001.key', text);
    expect(ids(await makeFirstKeyEncryptionKey(dir))).toEqual([idOf(text)]);
    expect(await readFile(join(dir, '0001.key'), 'utf8')).toBe(text);
  });
});
