import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import { readComposeFile } from '../support/compose-file.ts';
import { newDirectory } from '../support/databases.ts';
import { execForm } from '../support/dockerfile.ts';
import { freePort } from '../support/free-port.ts';
import { buildImage, type Image, snapshot } from '../support/image.ts';
import { readPage } from '../support/markdown.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { programDirectory } from '../support/run-directory.ts';
import {
  logLines,
  PATIENCE,
  type Site,
  startNode,
  startServer,
  WAIT,
} from '../support/server-process.ts';

const run = promisify(execFile);
const CHECKOUT = join(import.meta.dirname, '../..');

/** Whoever is root writes where nobody may, unless it gives up its capabilities, as in a container. */
const POWERLESS = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all'] : [];

let image: Image;
let code: string;
beforeAll(async () => {
  const directory = programDirectory();
  image = await buildImage(CHECKOUT, directory);
  code = join(image.root, image.workdir);
  await run('chmod', ['-R', 'a-w', code]);
  return async () => {
    await run('chmod', ['-R', 'u+w', code]);
    await rm(directory, { recursive: true });
  };
}, PATIENCE);

/** What a container of the image would run, in this one's directory. */
const commandOf = async (name: string, site: Site) => {
  const { services } = await readComposeFile(CHECKOUT);
  const service = services[name];
  const [shell = '', ...words] = [...(service?.entrypoint ?? []), ...(service?.command ?? [])];
  return run(shell, words, { cwd: site.cwd, env: site.env });
};

/** The environment of a container with a database, an empty KEYS_DIR and nothing in /tmp. */
async function containerSite(): Promise<Site & { env: Record<string, string> }> {
  const [directory, { url }, port] = [
    await newDirectory(),
    await createTestDatabase(),
    await freePort(),
  ];
  // The image's `node`, and its `keyturn`.
  await symlink(process.execPath, join(directory, 'node'));
  const path = [directory, join(code, 'bin'), process.env.PATH].join(':');
  const env = {
    ...image.env,
    PATH: path,
    HOST: '127.0.0.1',
    PORT: String(port),
    ADMIN_PORT: '0',
    ISSUER_URL: `http://localhost:${port}`,
    DATABASE_URL: url,
    DATA_DIR: join(directory, 'data'),
    KEYS_DIR: directory,
    TMPDIR: '/nonexistent',
  };
  return { env, cwd: code, under: POWERLESS };
}

describe('the image', () => {
  test('holds no package that only builds or tests', async () => {
    const lock = JSON.parse(
      await readFile(join(code, 'node_modules/.package-lock.json'), 'utf8'),
    ) as { packages: Record<string, { dev?: boolean; devOptional?: boolean }> };
    const packages = Object.entries(lock.packages);
    expect(packages.map(([path]) => path)).toContain('node_modules/koa');
    expect(packages.filter(([, { dev }]) => dev).map(([path]) => path)).toEqual([]);
    const names = await readdir(join(code, 'node_modules'));
    expect(names).not.toContain('typescript');
    expect(names).not.toContain('node');
  });

  test('holds the code and nothing of this machine', async () => {
    expect((await readdir(code)).sort()).toEqual([
      'LICENSE',
      'bin',
      'docs',
      'migrations',
      'node_modules',
      'package.json',
      'src',
    ]);
    expect((await stat(join(code, 'bin/keyturn'))).mode & 0o111).toBe(0o111);
  });

  test('makes the directories that its user, no root, may write to', () => {
    const { instructions } = image.stage;
    expect(instructions.find(({ name }) => name === 'USER')?.text).toBe('1000:1000');
    const owned = instructions.filter(({ flags }) => flags.chown === '1000:1000');
    expect(owned.map(({ text }) => text.split(' ').at(-1))).toEqual([
      image.env.DATA_DIR,
      '/etc/keyturn/keys',
    ]);
  });

  test('serves from a read-only file system, is healthy, and ends with 0 on SIGTERM', async () => {
    const site = await containerSite();
    await expect(
      run('/bin/sh', ['-c', '"$@"', 'sh', ...POWERLESS, 'touch', 'src/x'], { cwd: code }),
    ).rejects.toThrow(/Permission denied|Read-only/);
    const before = await snapshot(code);
    await commandOf('key', site);

    const [node, ...serve] = [
      ...execForm(image.stage, 'ENTRYPOINT'),
      ...execForm(image.stage, 'CMD'),
    ];
    expect(node).toBe('node');
    const server = await (await startServer({ ...site, serve })).ready();
    const [, ...check] = execForm(image.stage, 'HEALTHCHECK');
    const { services } = await readComposeFile(CHECKOUT);
    const [, , ...composed] = services['keyturn-1']?.healthcheck?.test ?? [];
    const health = (words: readonly string[]) => startNode(words, site).ended;
    expect(await health(check)).toMatchObject({ status: 0, stderr: '' });
    expect(await health(composed)).toMatchObject({ status: 0, stderr: '' });
    const { accessToken } = await clientOf(server).register();
    expect(accessToken).toMatch(/^ey/);
    expect(await server.stop('SIGTERM')).toMatchObject({ status: 0, signal: null, stderr: '' });
    expect((await health(check)).status).toBe(1);
    expect((await health(composed)).status).toBe(1);

    expect(await snapshot(code)).toEqual(before);
    const grave = logLines(server.said.stdout).filter(({ level }) => level === 'error');
    expect(grave).toEqual([]);
  });
});

test('a server of the image compiles nothing that the image has compiled', async () => {
  const { env, ...place } = await containerSite();
  const site = { ...place, env: { ...env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' } };
  await commandOf('key', site);
  const server = await (await startServer({ ...site, serve: ['src/bin.js', 'serve'] })).ready();
  // Passwords are hashed on a thread, which loads a module of its own.
  await clientOf(server).register();
  await server.stop('SIGINT');
  const asked = [...server.said.stderr.matchAll(/ for \w+ (\S+?)\.\.\.(.*)/g)].filter(([, file]) =>
    file?.includes(code),
  );
  const files = asked.map(([, file = '']) => file.slice(file.indexOf(code) + code.length + 1));
  const bundle = 'node_modules/.cache/keyturn/bundle';
  const needed = ['src/main.ts', 'src/issuer/users/argon2-worker.ts', `${bundle}/cli.mjs`];
  expect(files).toEqual(expect.arrayContaining(needed));
  // The bundle is of these sources, which therefore stay where they are.
  expect(files).not.toContain('src/cli.ts');
  expect(asked.filter(([, , outcome]) => !outcome?.includes('success'))).toEqual([]);
  // Nor for browsers, whose files are told by their content alone.
  const count = (pattern: string) => globSync(pattern, { cwd: code }).length;
  const kept = count('node_modules/.cache/keyturn/*/stripped-*.js');
  expect(kept).toBe(count('src/client/*.ts') + count('src/**/browser/*.ts'));
  expect(kept).toBeGreaterThan(10);
  // Node.js keeps them for its own user alone, and they belong to another.
  const cached = globSync('node_modules/.cache/**/*', { cwd: code });
  const modes = await Promise.all(cached.map(async (file) => (await stat(join(code, file))).mode));
  expect(modes.filter((mode) => (mode & 0o444) !== 0o444)).toEqual([]);
});

describe('the one-shot and the cron of docker-compose.yml', () => {
  test('make one key, readable by its user alone, and keep it ever after', async () => {
    const site = await containerSite();
    await commandOf('key', site);
    const path = join(site.env.KEYS_DIR ?? '', '0001.key');
    const key = await readFile(path, 'utf8');
    expect(key).toMatch(/^[\w-]{43}\n$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await commandOf('key', site);
    expect(await readFile(path, 'utf8')).toBe(key);
    // The one that the page on keys has people make takes over from it.
    const [, successor = ''] = /> keys\/(\S+\.key)/.exec(readPage('docs/key-rotation.md')) ?? [];
    expect([successor, basename(path)].sort().at(-1)).toBe(successor);
    // Nor does it make one where another is.
    await rename(path, join(site.env.KEYS_DIR ?? '', 'second.key'));
    await commandOf('key', site);
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  test('look whether a rotation is due, and end on SIGTERM', async () => {
    const site = await containerSite();
    await commandOf('key', site);
    const serve = ['src/bin.js', 'serve'];
    const server = await (await startServer({ ...site, serve })).ready();
    const { services } = await readComposeFile(CHECKOUT);
    const { entrypoint = [], command = [] } = services.rotation ?? {};
    // `startNode` runs Node.js last: here it only tells the shell's words what to be.
    const cron = startNode([], { ...site, under: [...entrypoint, ...command] });
    try {
      await vi.waitUntil(() => cron.said.stdout.endsWith('}\n'), WAIT);
      expect(JSON.parse(cron.said.stdout)).toMatchObject({ changed: false });
    } finally {
      // SIGKILL would leave the pause between two runs behind.
      cron.kill('SIGTERM');
    }
    expect(await cron.ended).toMatchObject({ status: 0, stderr: '' });
    await server.stop('SIGINT');
  });
});
