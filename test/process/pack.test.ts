import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import type { Storage } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { expectProblem } from '../support/problem.ts';
import { programDirectory } from '../support/run-directory.ts';
import {
  type ServerProcess,
  siteOn,
  startNode,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { todosOf } from '../support/todo-client.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const modules = join(root, 'node_modules');

/** A service in JavaScript, as somebody might write it after reading the documentation. */
const SERVICE = `
import { createServer } from 'node:http';
import { createVerifier, expressVerifier, requireToken } from 'keyturn/resource-server';

const issuer = process.argv[2];
const verify = createVerifier({ issuer, audience: issuer, cacheTtl: '15m' });
await verify.start('10s');
const plain = requireToken(verify, (request, response, claims) => {
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ sub: claims.sub }));
});
const middleware = expressVerifier(verify);
const server = createServer((request, response) => {
  if (request.url === '/plain') return plain(request, response);
  return middleware(request, response, () => response.end(JSON.stringify(request.auth)));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** A page in TypeScript, with what it must not accept. */
const TYPED_PAGE = `
import {
  createKeyturn, type FieldFault, type Keyturn, KeyturnError, type KeyturnOptions,
  type SignedOutReason, type User,
} from 'keyturn/client';

const options: KeyturnOptions = {
  issuer: 'https://id.example.com', loginUrl: '/enter', onSignedOut: (reason: SignedOutReason) => {},
};
const keyturn: Keyturn = createKeyturn(options);
const { login, getAccessToken } = keyturn;
const off: () => void = keyturn.onChange((user: User | null) => user?.email);
try {
  const user: User = await login({ email: 'a@example.com', password: 'x' });
  const registered: User | null = await keyturn.register({ email: '', password: '', name: '' });
  const response: Response = await keyturn.fetch('/api/users/me/todos', { method: 'POST' });
  const token: string = await getAccessToken();
  // @ts-expect-error: nobody is known yet, or nobody is signed in.
  const name: string = keyturn.user.name;
  // @ts-expect-error: a password is needed.
  await login({ email: 'a@example.com' });
} catch (error) {
  if (error instanceof KeyturnError) {
    const faults: readonly FieldFault[] = error.fields;
    const wait: number | undefined = error.retryAfter;
  }
}
// @ts-expect-error: an issuer is needed.
createKeyturn({});
`;

/** The same in TypeScript, with what it must not accept. */
const TYPED = `
import { createServer } from 'node:http';
import Koa from 'koa';
import express from 'express';
import Fastify from 'fastify';
import {
  type AccessTokenClaims, createVerifier, expressVerifier, fastifyVerifier, JwksFault, koaVerifier,
  Refusal, requireToken, type Verifier, type VerifierEvent,
} from 'keyturn/resource-server';

const events: VerifierEvent[] = [];
const verify: Verifier = createVerifier({
  issuer: 'https://id.example.com', audience: 'me', cacheTtl: '15m', cooldown: '10s',
  onEvent: (event) => events.push(event),
});
createServer(requireToken(verify, (request, response, claims) => void response.end(claims.sub)));
new Koa().use(koaVerifier(verify)).use((ctx) => { ctx.body = ctx.state.auth; });
express().use(expressVerifier(verify));
Fastify().addHook('onRequest', fastifyVerifier(verify));
try {
  const claims: AccessTokenClaims = await verify('x');
  const sub: string = claims.sub;
  // @ts-expect-error: what an issuer adds is for the service to check.
  const name: string = claims.name;
  // @ts-expect-error: nobody changes what a token says.
  claims.sub = sub + name;
} catch (error) {
  if (error instanceof Refusal) { const code: string = error.code; const status: number = error.status; }
  if (error instanceof JwksFault) { const kind: string = error.kind; }
}
// @ts-expect-error: an audience is needed.
createVerifier({ issuer: 'https://id.example.com' });
// @ts-expect-error: no length of time.
createVerifier({ issuer: 'https://id.example.com', audience: 'me', cacheTtl: '15 minutes' });
`;

describe('the package', () => {
  let project: string;
  let packed: string[];
  beforeAll(async () => {
    const directory = programDirectory();
    project = join(directory, 'project');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{"private":true,"type":"module"}');
    const pack = ['pack', '--json', '--pack-destination', project];
    const { stdout } = await run('npm', pack, { cwd: root });
    // npm 12 answers an object by name, those before it a list.
    const [entry] = Object.values(JSON.parse(stdout.slice(stdout.search(/^[[{]/m)))) as [
      { filename: string; files: { path: string }[] },
    ];
    packed = entry.files.map(({ path }) => path);
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', entry.filename];
    await run('npm', install, { cwd: project });
    // What the typed service is checked with, and the frameworks that it uses.
    for (const name of ['koa', 'express', 'fastify', 'node']) {
      const scope = join(project, 'node_modules/@types');
      await mkdir(scope, { recursive: true });
      await symlink(join(modules, '@types', name), join(scope, name)).catch(ignoreTaken);
      const path = join(project, 'node_modules', name);
      if (name !== 'node') await symlink(join(modules, name), path).catch(ignoreTaken);
    }
    return () => rm(directory, { recursive: true });
  }, 300_000);

  test('holds what it needs, its licences, and no source', () => {
    const besides = packed.filter((path) => !path.startsWith('dist/'));
    const scripts = ['src/bin.js', 'src/restart.js'];
    expect(besides.sort()).toEqual(['LICENSE', 'README.md', 'package.json', ...scripts]);
    expect(packed.filter((path) => /(?<!\.d)\.ts$/.test(path))).toEqual([]);
    const users = 'dist/src/issuer/users';
    for (const name of ['common-passwords.txt.br', 'common-passwords.license.txt']) {
      expect(packed).toContain(`${users}/${name}`);
    }
  });

  test('is typed, for a strict compiler and the frameworks it is for', async () => {
    await writeFile(join(project, 'typed.ts'), TYPED);
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023'];
    const compile = [
      join(modules, 'typescript/bin/tsc'),
      ...options,
      '--types',
      'node',
      'typed.ts',
    ];
    const outcome = await run(process.execPath, compile, { cwd: project }).catch((error) => error);
    expect(outcome.stdout).toBe('');
  });

  test('is typed, for pages too', async () => {
    await writeFile(join(project, 'page.ts'), TYPED_PAGE);
    const document = await readFile(join(root, 'docs/frontend.md'), 'utf8');
    const [, shown = ''] = /```ts\n([\s\S]*?)```/.exec(document) ?? [];
    expect(shown).toContain('keyturn.fetch');
    await writeFile(join(project, 'shown-page.ts'), shown);
    const types = ['--types', '', '--lib', 'es2023,dom', '--strict', '--noEmit'];
    const modern = ['--module', 'esnext', '--moduleResolution', 'bundler', '--target', 'es2023'];
    const compile = [
      join(modules, 'typescript/bin/tsc'),
      ...types,
      ...modern,
      'page.ts',
      'shown-page.ts',
    ];
    const outcome = await run(process.execPath, compile, { cwd: project }).catch((error) => error);
    expect(outcome.stdout).toBe('');
  });

  test('brings a client of less than 4 kB to pages, and nothing else with it', async () => {
    const use = "import { createKeyturn } from 'keyturn/client';\ncreateKeyturn({ issuer: '' });";
    await writeFile(join(project, 'bundled.js'), use);
    const rolldownOptions = { input: join(project, 'bundled.js') };
    const how = { write: false, minify: true, modulePreload: false, rolldownOptions } as const;
    const built = await build({ root: project, logLevel: 'silent', configFile: false, build: how });
    if (!('output' in built)) throw new Error('there is more than one bundle');
    const [chunk] = built.output;
    expect(built.output).toHaveLength(1);
    expect(chunk.type === 'chunk' && chunk.imports).toEqual([]);
    const code = chunk.type === 'chunk' ? chunk.code : '';
    expect(code).toContain('/api/auth/');
    expect(gzipSync(code).length).toBeLessThan(4096);
  });

  test('its declarations name no file that is not there', async () => {
    for (const path of packed.filter((name) => name.endsWith('.d.ts'))) {
      const text = await readFile(join(project, 'node_modules/keyturn', path), 'utf8');
      expect(text, path).not.toMatch(/from ['"]\.[^'"]*\.ts['"]/);
    }
  });

  test('brings the command', async () => {
    const command = join(project, 'node_modules/.bin/keyturn');
    const { stdout, stderr } = await run(command, ['help'], { cwd: project });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Usage: keyturn/);
    const wrong = await run(command, ['fly'], { cwd: project }).catch((error) => error);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
  });

  describe('beside a Keyturn', () => {
    let storage: Pick<Storage, 'url' | 'dataDir'>;
    let issuer: ServerProcess;
    beforeAll(async () => {
      storage = { url: (await createTestDatabase()).url, dataDir: 'data' };
      issuer = await startServer(await siteOn(storage, { ISSUER_URL: undefined })).then((server) =>
        server.ready(),
      );
    });
    const ISSUER = () => `http://localhost:${new URL(issuer.url).port}`;

    test('verifies tokens in a service in JavaScript', async () => {
      await writeFile(join(project, 'service.mjs'), SERVICE);
      const service = startNode(['service.mjs', ISSUER()], { cwd: project, env: {} });
      const { accessToken, userId } = await clientOf(issuer).register();
      const port = await firstLine(service);
      for (const path of ['plain', 'express']) {
        const url = `http://127.0.0.1:${port}/${path}`;
        const good = await fetch(url, { headers: { Authorization: `Bearer ${accessToken}` } });
        expect(good.status).toBe(200);
        expect(await good.json()).toMatchObject({ sub: userId });
        const bad = await fetch(url, { headers: { Authorization: `Bearer ${accessToken}x` } });
        expect(bad.status).toBe(401);
        expect(await bad.json()).toMatchObject({ code: 'token_malformed' });
      }
      service.kill('SIGTERM');
      await service.ended;
    });

    test('does what the documentation shows', async () => {
      const document = await readFile(join(root, 'docs/verifying-tokens.md'), 'utf8');
      const [own = '', jose = ''] = [...document.matchAll(/```js\n([\s\S]*?)```/g)].map(
        ([, code = '']) => code.replaceAll('https://id.example.com', ISSUER()),
      );
      const { accessToken, userId } = await clientOf(issuer).register();

      const shown = `const token = process.argv[2];\n${jose}\nconsole.log(payload.sub);`;
      await writeFile(join(project, 'jose.mjs'), shown);
      const decoded = await run(process.execPath, ['jose.mjs', accessToken], { cwd: project });
      expect(decoded).toEqual({ stdout: `${userId}\n`, stderr: '' });

      const port = 'function () { console.log(this.address().port); }';
      await writeFile(join(project, 'shown.mjs'), own.replace('8000', `0, ${port}`));
      const service = startNode(['shown.mjs'], { cwd: project, env: {} });
      const url = `http://127.0.0.1:${await firstLine(service)}`;
      const good = await fetch(url, { headers: { Authorization: `Bearer ${accessToken}` } });
      expect(await good.text()).toBe(`Hello ${userId}\n`);
      expect((await fetch(url)).status).toBe(401);
      service.kill('SIGTERM');
      await service.ended;
    });

    test('serves todos alone, from node_modules', async () => {
      const { url } = await createTestDatabase();
      const site = await siteOn({ url, dataDir: 'data-todos' }, { ISSUER_URL: ISSUER() });
      const command = join(project, 'node_modules/keyturn/src/bin.js');
      const serve = [command, 'serve', '--only', 'resource-server'];
      const server = await (await startServer({ ...site, serve })).ready();
      const somebody = await clientOf(issuer).register();
      const todos = todosOf(clientOf(server), somebody.accessToken);
      const { id } = await todos.add('packed');
      expect(await todos.ids()).toEqual([id]);
      expectProblem(await clientOf(server).me(somebody), 404, 'not_found');
      expect(await server.stop('SIGTERM')).toMatchObject({ status: 0, stderr: '' });
    });

    test('serves as an issuer too, from node_modules', async () => {
      const { url } = await createTestDatabase();
      const site = await siteOn({ url, dataDir: 'data' }, { ISSUER_URL: undefined });
      const command = join(project, 'node_modules/keyturn/src/bin.js');
      const server = await (await startServer({ ...site, serve: [command, 'serve'] })).ready();
      const { accessToken } = await clientOf(server).register();
      await todosOf(clientOf(server), accessToken).add('packed');
      const own = server.url.replace('127.0.0.1', 'localhost');
      const page = await (await fetch(`${own}/app`)).text();
      const scripts = [...page.matchAll(/(?:src|href)="(\/app\/assets\/[^"]+)"/g)];
      expect(scripts).toHaveLength(8);
      for (const [, path] of scripts) {
        expect((await fetch(`${own}${path}`)).status, path).toBe(200);
      }
      expect(await server.stop('SIGTERM')).toMatchObject({ status: 0, stderr: '' });
    });
  });
});

function ignoreTaken(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

async function firstLine({ said }: ReturnType<typeof startNode>): Promise<string> {
  await vi.waitUntil(() => said.stdout.includes('\n'), WAIT);
  return said.stdout.trim();
}
