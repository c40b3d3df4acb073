import { mkdir, mkdtemp, readdir, truncate, writeFile } from 'node:fs/promises';
import { enableCompileCache, getCompileCacheDir } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import request from 'supertest';
import { expect, test } from 'vitest';
import { loadAssets } from '../../src/http/assets.ts';
import { stripTypes } from '../../src/http/strip-types.ts';
import { runDirectory } from '../support/run-directory.ts';
import { startEdge } from './edge-server.ts';

const FILES = {
  'app.ts': "import { name } from './name.ts';\nexport const text: string = name;\n",
  'name.ts': "export const name: string = 'Ada';\n",
  'look.css': "@font-face { src: url('./face.woff2'); }\n",
  'face.woff2': 'a font',
};

async function urlsOf<Name extends string>(files: Readonly<Record<Name, string>>) {
  const directory = await mkdtemp(join(runDirectory(), 'assets-'));
  const urls: Record<string, URL> = {};
  for (const [name, text] of Object.entries<string>(files)) {
    urls[name] = pathToFileURL(join(directory, name));
    await writeFile(join(directory, name), text);
  }
  return urls as Record<Name, URL>;
}

async function serve<Name extends string>(files: Readonly<Record<Name, string>>) {
  const { paths, routes } = await loadAssets('/assets', await urlsOf(files));
  const { url } = await startEdge({ routers: [routes] });
  return { paths, agent: request(url) };
}

test('TypeScript becomes JavaScript, and references become paths with a hash', async () => {
  const { paths, agent } = await serve(FILES);
  expect(paths['app.ts']).toMatch(/^\/assets\/app-[\w-]{12}\.js$/);
  const app = await agent.get(paths['app.ts']);
  expect(app.text).toContain(`import { name } from '${paths['name.ts']}';`);
  expect(app.text).not.toContain(': string');
  const look = await agent.get(paths['look.css']);
  expect(look.text).toContain(`url('${paths['face.woff2']}')`);
});

test('modules that are put together are one, which others ask for by the name of any', async () => {
  const urls = await urlsOf({
    ...FILES,
    'again.ts': "export {\n  name,\n} from './name.ts';\nexport const again: string = text;\n",
    'page.ts': "import {\n  name,\n} from './name.ts';\nimport { again } from './again.ts';\n",
  });
  const { paths, routes } = await loadAssets('/assets', {
    'page.ts': urls['page.ts'],
    'all.ts': [urls['name.ts'], urls['app.ts'], urls['again.ts']],
  });
  const { url } = await startEdge({ routers: [routes] });
  const { text } = await request(url).get(paths['all.ts']);
  expect(text.trim().split(/\s*\n\s*/)).toEqual([
    expect.stringMatching(/^export const name\s+= 'Ada';$/),
    expect.stringMatching(/^export const text\s+= name;$/),
    expect.stringMatching(/^export const again\s+= text;$/),
  ]);
  const page = await request(url).get(paths['page.ts']);
  expect(page.text.match(/'[^']*'/g)).toEqual([`'${paths['all.ts']}'`, `'${paths['all.ts']}'`]);
});

test('browsers keep a file for good, in the encoding they asked for', async () => {
  const { paths, agent } = await serve(FILES);
  for (const encoding of ['br', 'gzip', undefined]) {
    const answer = await agent.get(paths['app.ts']).set('Accept-Encoding', encoding ?? 'identity');
    expect(answer.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'Origin, Accept-Encoding',
    });
    expect(answer.headers['content-encoding']).toBe(encoding);
    expect(answer.text).toContain('export const text');
  }
});

test('a file is compressed once, and a font not at all', async () => {
  const { paths, agent } = await serve(FILES);
  const get = (name: keyof typeof FILES) => agent.get(paths[name]).set('Accept-Encoding', 'br');
  const [first, again] = await Promise.all([get('look.css'), get('look.css')]);
  expect(again.text).toBe(first.text);
  expect(again.headers['content-length']).toBe(first.headers['content-length']);
  const font = await get('face.woff2');
  expect(font.headers['content-encoding']).toBeUndefined();
  expect(font.body.toString()).toBe('a font');
});

test('the path changes with the content of a file and of what it refers to', async () => {
  const { paths: before } = await serve(FILES);
  const { paths: after } = await serve({ ...FILES, 'name.ts': "export const name = 'Bea';\n" });
  expect(after['name.ts']).not.toBe(before['name.ts']);
  expect(after['app.ts']).not.toBe(before['app.ts']);
  expect(after['look.css']).toBe(before['look.css']);
});

test('several files are put together into one', async () => {
  const urls = await urlsOf({
    'a.css': 'a {}\n',
    'b.css': FILES['look.css'],
    'face.woff2': 'font',
  });
  const { paths, routes } = await loadAssets('/assets', {
    'both.css': [urls['a.css'], urls['b.css']],
    'face.woff2': urls['face.woff2'],
  });
  const { url } = await startEdge({ routers: [routes] });
  const { text } = await request(url).get(paths['both.css']);
  expect(text).toBe(`a {}\n@font-face { src: url('${paths['face.woff2']}'); }\n`);
});

test('another path answers nothing', async () => {
  const { paths, agent } = await serve(FILES);
  for (const path of [paths['app.ts'].replace('app-', 'app-x'), '/assets/app.ts', '/assets/']) {
    expect((await agent.get(path)).status).toBe(404);
  }
});

test('a cache that was cut off is not believed', async () => {
  if (getCompileCacheDir() === undefined) enableCompileCache(join(runDirectory(), 'compiled'));
  const directory = getCompileCacheDir() ?? '';
  await mkdir(directory, { recursive: true });
  const code = `const text: string = '${Math.random()}';\nconst more: number = 1;\n`;
  const stripped = stripTypes(code);
  expect(stripped).toContain('const more');
  const [cached = ''] = (await readdir(directory)).filter((name) => name.startsWith('stripped-'));
  for (const length of [0, stripped.length - 1, stripped.indexOf('\n')]) {
    for (const name of await readdir(directory)) {
      if (name.startsWith('stripped-')) await truncate(join(directory, name), length);
    }
    expect(stripTypes(code)).toBe(stripped);
  }
  expect(cached).not.toBe('');
});

test('a reference out of the set, or in a circle, stops the start', async () => {
  await expect(serve({ 'a.ts': "import './b.ts';" })).rejects.toThrow('b.ts');
  const circle = { 'a.ts': "export { b } from './b.ts';", 'b.ts': "export { a } from './a.ts';" };
  await expect(serve(circle)).rejects.toThrow('refer to each other');
});
