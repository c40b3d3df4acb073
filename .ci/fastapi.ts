// npm run check:fastapi: tries examples/fastapi against a running Keyturn. Where python3 (or what
// PYTHON names) lacks fastapi, uvicorn or jwt it says that this was not tried, and passes.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const python = process.env.PYTHON ?? 'python3';
const NEEDS = 'import cryptography, fastapi, jwt, uvicorn';
const PATIENCE = 60_000;

type Call = readonly [status: number, what: string, path: string, init?: RequestInit];

async function main(): Promise<void> {
  if (spawnSync(python, ['-c', NEEDS], { stdio: 'ignore' }).status !== 0) {
    say(`not tried: examples/fastapi, since ${python} lacks cryptography, fastapi, jwt or uvicorn`);
    return;
  }
  const home = await mkdtemp(join(tmpdir(), 'keyturn-fastapi-'));
  const children: ChildProcess[] = [];
  const start = (command: string, argv: string[], cwd: string, env: Record<string, string>) => {
    const options = { cwd, env: { ...process.env, ...env }, stdio: 'ignore' } as const;
    children.push(spawn(command, argv, options));
  };
  try {
    const [port, servicePort] = [await freePort(), await freePort()];
    const issuer = `http://localhost:${port}`;
    const keyturn = { PORT: `${port}`, ADMIN_PORT: '0', ISSUER_URL: issuer };
    start(process.execPath, [join(root, 'src/main.ts'), 'serve'], home, keyturn);
    await answers(`http://127.0.0.1:${port}/readyz`, 200);
    const uvicorn = ['-m', 'uvicorn', 'main:app', '--port', `${servicePort}`];
    const service = {
      ISSUER_URL: issuer,
      JWKS_URI: `http://127.0.0.1:${port}/.well-known/jwks.json`,
    };
    start(python, uvicorn, join(root, 'examples/fastapi'), {
      ...service,
      PYTHONDONTWRITEBYTECODE: '1',
    });
    await answers(`http://127.0.0.1:${servicePort}/api/users/me/todos`, 401);
    const faults = await tryOut(`http://127.0.0.1:${port}`, `http://127.0.0.1:${servicePort}`);
    for (const fault of faults) say(`failed: examples/fastapi: ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
    else say('examples/fastapi verifies what Keyturn signs, and nothing else');
  } finally {
    for (const child of children) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.kill('SIGINT')) await ended;
    }
    await rm(home, { recursive: true, force: true });
  }
}

async function tryOut(keyturn: string, service: string): Promise<string[]> {
  const register = async (email: string) => {
    const body = JSON.stringify({ email, password: 'a long and secret one', name: 'Ada' });
    const headers = { 'Content-Type': 'application/json' };
    const init = { method: 'POST', headers, body };
    const response = await fetch(`${keyturn}/api/auth/register`, init);
    return (await response.json()) as { access_token: string; user: { id: string } };
  };
  const ada = await register('ada@example.com');
  const bob = await register('bob@example.com');
  const by = (token: string) => ({
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
  });
  const good = by(ada.access_token);
  const [head, payload, signature = ''] = ada.access_token.split('.');
  const none = encoded('{"alg":"none","typ":"at+jwt"}');
  const todo = { method: 'POST', body: '{"title":"Buy milk"}' };
  const calls: Call[] = [
    [201, 'a new todo', 'me', { ...good, ...todo }],
    [422, 'no title', 'me', { ...good, ...todo, body: '{}' }],
    [200, 'her todos', ada.user.id, good],
    [200, 'his todos', 'me', by(bob.access_token)],
    [403, 'her todos by him', ada.user.id, by(bob.access_token)],
    [401, 'no token', 'me'],
    [401, 'garbage', 'me', by('garbage')],
    [401, 'no algorithm', 'me', by(`${none}.${payload}.`)],
    [401, 'another signature', 'me', by(`${head}.${payload}.AAAA${signature.slice(4)}`)],
    [401, 'another kid', 'me', by(`${header({ kid: 'x' })}.${payload}.${signature}`)],
    [401, 'a kid that reads as a fault', 'me', by(`${header({ kid: 'fetch' })}.${payload}.AAAA`)],
    [401, 'a typ that is no text', 'me', by(`${header({ typ: 1 })}.${payload}.AAAA`)],
    [401, 'a deep header', 'me', by(`${deep}.${payload}.AAAA`)],
  ];
  const faults: string[] = [];
  for (const [status, what, user, init] of calls) {
    const response = await fetch(`${service}/api/users/${user}/todos`, init);
    const text = await response.text();
    if (response.status !== status) faults.push(`${what}: ${response.status} instead of ${status}`);
    if (what === 'her todos' && !text.includes('Buy milk')) faults.push('a todo is lost');
    if (what === 'his todos' && text.includes('Buy milk')) faults.push('a todo is in a wrong list');
  }
  return faults;
}

const encoded = (text: string): string => Buffer.from(text).toString('base64url');
const header = (members: object): string =>
  encoded(JSON.stringify({ alg: 'RS256', kid: 'x', typ: 'at+jwt', ...members }));
/** What a recursive reader of JSON gives up on. */
const deep = encoded(`{"x":${'['.repeat(3000)}${']'.repeat(3000)}}`);

async function answers(url: string, status: number): Promise<void> {
  for (const until = performance.now() + PATIENCE; performance.now() < until; await sleep(100)) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.status === status) return;
  }
  throw new Error(`${url} does not come to answer ${status}`);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening));
  const address = probe.address();
  await new Promise((closed) => probe.close(closed));
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}

const say = (line: string) => void process.stdout.write(`${line}\n`);

await main();
