import { execFile } from 'node:child_process';
import {
  appendFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { BUNDLE } from '../../src/kit/bundle.ts';
import { VERSION } from '../../src/kit/version.ts';
import { clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';
import { logLines, siteOn, startNode, startServer } from '../support/server-process.ts';

const run = promisify(execFile);
const CHECKOUT = join(import.meta.dirname, '../..');

/** Writes at the end which of the program's entries was loaded. */
const WATCH = `import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    const [, entry] = /(src|bundle)\\/cli\\.m?[jt]s$/.exec(url) ?? [];
    if (entry) process.stderr.write(entry);
    return next(url, context);
  },
});`;

let checkout: string;
beforeAll(async () => {
  checkout = await copyOfCheckout();
});

/** The sources, with the packages of this checkout but nothing that was made of them. */
async function copyOfCheckout(): Promise<string> {
  const copy = join(await newDirectory(), 'checkout');
  for (const name of ['src', 'migrations', '.ci', 'package.json']) {
    await cp(join(CHECKOUT, name), join(copy, name), { recursive: true });
  }
  const [from, to] = [join(CHECKOUT, 'node_modules'), join(copy, 'node_modules')];
  await mkdir(to);
  for (const name of await readdir(from)) {
    if (name === '.cache') continue;
    // One that a test changes.
    if (name === 'dataloader') await cp(join(from, name), join(to, name), { recursive: true });
    else await symlink(join(from, name), join(to, name));
  }
  return copy;
}

const npmRun = (script: string) => run('npm', ['run', script], { cwd: checkout });

/** Which of the two a command loads. */
async function loaded(): Promise<string> {
  const watch = ['--import', `data:text/javascript,${encodeURIComponent(WATCH)}`];
  const command = startNode([...watch, 'src/bin.js', 'version'], { cwd: checkout, env: {} });
  const { status, stdout, stderr } = await command.ended;
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${VERSION}\n` });
  return stderr;
}

/** Changes a file of the checkout, asks what is loaded then, and puts it back. */
async function loadedWithout(path: string, change: (file: string) => Promise<unknown>) {
  const file = join(checkout, path);
  const before = await readFile(file);
  await change(file);
  const entry = await loaded();
  await writeFile(file, before);
  return entry;
}

test('without the bundler npm ci makes no bundle, and the sources run', async () => {
  const [bundler, away] = [join(checkout, 'node_modules/rolldown'), join(checkout, 'rolldown')];
  await rename(bundler, away);
  await npmRun('prepare');
  await expect(npmRun('bundle')).rejects.toThrow("Cannot find package 'rolldown'");
  expect(await readdir(join(checkout, 'node_modules'))).not.toContain('.cache');
  expect(await loaded()).toBe('src');
  await rename(away, bundler);
});

describe('a bundle', () => {
  beforeAll(async () => {
    await npmRun('prepare');
  });

  test('runs in place of the sources that it was made of', async () => {
    expect(await loaded()).toBe('bundle');
  });

  test.each<[string, string, (file: string) => Promise<unknown>]>([
    ['a changed source', 'src/kit/version.ts', (file) => appendFile(file, '// Changed.\n')],
    ['another release of a package', 'node_modules/dataloader/package.json', newRelease],
    ['contents cut off', `${BUNDLE}/contents.json`, (file) => truncate(file, 100)],
    ['a part cut off', `${BUNDLE}/cli.mjs`, (file) => truncate(file, 1000)],
    ['a lost part', `${BUNDLE}/mail-composer.mjs`, rm],
    ['no contents', `${BUNDLE}/contents.json`, rm],
  ])('is not of %s', async (_, path, change) => {
    expect(await loadedWithout(path, change)).toBe('src');
    expect(await loaded()).toBe('bundle');
  });

  test('names the sources where something fails in it', async () => {
    const { url, drop } = await createTestDatabase();
    await administer(url, 'create table signing_keys ()');
    const { env } = await siteOn({ url, dataDir: 'data' });
    const server = startNode(['src/bin.js', 'serve'], { env, cwd: checkout });
    const { status, stdout } = await server.ended;
    expect(status).toBe(1);
    const { err } = logLines(stdout).at(-1) as { err?: { stack?: string } };
    const place = /\bsrc\/db\/migrate\.ts in (file:\S+):(\d+):(\d+)/;
    const [, file = '', line, column] = place.exec(err?.stack ?? '') ?? [];
    const text = (await readFile(new URL(file), 'utf8')).split('\n').at(Number(line) - 1);
    expect(text?.slice(Number(column) - 1)).toMatch(/^await execute\(tx, /);
    await drop();
  });

  test('stays where the same would be made again', async () => {
    const { ino } = await stat(join(checkout, BUNDLE));
    await npmRun('bundle');
    expect((await stat(join(checkout, BUNDLE))).ino).toBe(ino);
  });

  test('is made anew of what has changed', async () => {
    await appendFile(join(checkout, 'src/kit/version.ts'), '// Changed.\n');
    expect(await loaded()).toBe('src');
    await npmRun('bundle');
    expect(await loaded()).toBe('bundle');
    expect(await readdir(join(checkout, BUNDLE, '..'))).not.toContainEqual(
      expect.stringMatching(/^bundle./),
    );
  });

  test('is not of a checkout whose packages are a link to another one', async () => {
    const [packages, elsewhere] = [join(checkout, 'node_modules'), `${checkout}-packages`];
    await rename(packages, elsewhere);
    await symlink(elsewhere, packages);
    expect(await loaded()).toBe('src');
    await rm(packages);
    await rename(elsewhere, packages);
    expect(await loaded()).toBe('bundle');
  });

  test('serves, also where it was moved to', async () => {
    const moved = `${checkout}-moved`;
    await rename(checkout, moved);
    checkout = moved;
    expect(await loaded()).toBe('bundle');
    const { url, drop } = await createTestDatabase();
    const { env } = await siteOn({ url, dataDir: 'data' });
    const serve = ['src/bin.js', 'serve'];
    const server = await (await startServer({ env, cwd: checkout, serve })).ready();
    const client = clientOf(server);
    await client.register();
    const headers = { Host: `localhost:${new URL(server.url).port}` };
    for (const page of ['/login', '/docs', '/app']) {
      expect((await client.get(page, headers).expect(200)).text).toContain('</html>');
    }
    expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });
    const grave = logLines(server.said.stdout).filter(({ level }) => level === 'error');
    expect(grave).toEqual([]);
    await drop();
  });
});

async function newRelease(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/"version": "[^"]+"/, '"version": "99.0.0"'));
}
