import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { createRouter } from '../../src/http/context.ts';
import type { FastAnswer } from '../../src/http/fast-route.ts';
import { drain } from '../../src/http/listener.ts';
import { startEdge } from './edge-server.ts';

const answer = (text: string): FastAnswer => ({
  status: 200,
  headers: { 'Content-Type': 'application/jwk-set+json', 'Cache-Control': 'public, max-age=300' },
  body: Buffer.from(text),
  etag: `"${text}"`,
});

const jwks = async () => {
  let now = answer('one');
  const edge = await startEdge({ fast: new Map([['/jwks.json', () => now]]) });
  const set = (next: FastAnswer) => {
    now = next;
  };
  const get = (init?: RequestInit) => fetch(`${edge.url}/jwks.json`, init);
  return { edge, set, get };
};

test('a client that reads nothing is let go, whatever is on its way to it', async () => {
  const body = Buffer.alloc(64 * 1024 * 1024);
  const big = { status: 200, headers: {}, body };
  const { server } = await startEdge({ fast: new Map([['/big', () => big]]) });
  expect(server.timeout).toBe(60_000);
  server.timeout = 100;
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1').pause();
  const [accepted] = await once(server, 'connection');
  socket.write('GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(accepted, 'close');
  socket.destroy();
});

test('a fast route answers with its own, security and open CORS headers', async () => {
  const { edge, get, set } = await jwks();
  const first = await get({ headers: { Origin: 'https://anybody.example' } });
  expect(await first.text()).toBe('one');
  expect(Object.fromEntries(first.headers)).toMatchObject({
    'content-type': 'application/jwk-set+json',
    'cache-control': 'public, max-age=300',
    'content-length': '3',
    etag: '"one"',
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    vary: 'Origin',
  });
  expect(first.headers.has('access-control-allow-credentials')).toBe(false);
  const id = first.headers.get('x-request-id');
  expect(await edge.line('request')).toMatchObject({
    request_id: id,
    method: 'GET',
    path: '/jwks.json',
    route: '/jwks.json',
    status: 200,
    address: '127.0.0.1',
  });
  expect(edge.responses).toHaveLength(1);
  set(answer('three'));
  const second = await get();
  expect([await second.text(), second.headers.get('etag')]).toEqual(['three', '"three"']);
  expect(second.headers.get('x-request-id')).not.toBe(id);
});

test.each([
  ['"one"', 304],
  ['W/"one"', 304],
  ['"zero", W/"one" , "two"', 304],
  ['*', 304],
  ['"on"', 200],
  ['one', 200],
  ['', 200],
])('If-None-Match %s is %i', async (tags, status) => {
  const { edge, get } = await jwks();
  const response = await get({ headers: { 'If-None-Match': tags } });
  expect(response.status).toBe(status);
  const { request_id: id } = await edge.line('request');
  expect(response.headers.get('x-request-id')).toBe(id);
  expect(response.headers.get('etag')).toBe('"one"');
  expect(response.headers.get('cache-control')).toBe('public, max-age=300');
  expect(await response.text()).toBe(status === 200 ? 'one' : '');
});

test('HEAD, queries, preflights and other methods of a fast route', async () => {
  const { edge, get } = await jwks();
  const head = await get({ method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
    200,
    '3',
    '',
  ]);
  expect((await fetch(`${edge.url}/jwks.json?x=1`)).status).toBe(200);
  expect((await fetch(`${edge.url}/jwks.json/`)).status).toBe(404);
  const preflight = await get({
    method: 'OPTIONS',
    headers: { Origin: 'https://anybody.example', 'Access-Control-Request-Method': 'GET' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
  expect(preflight.headers.get('access-control-allow-headers')).toBe(
    'Authorization, Content-Type, If-None-Match',
  );
  const refused = await get({ method: 'POST', body: 'x' });
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
  const problem = await refused.json();
  expect(problem).toMatchObject({
    code: 'method_not_allowed',
    request_id: refused.headers.get('x-request-id'),
  });
});

test('a fast route that is not well is never 304', async () => {
  const { get, set } = await jwks();
  set({ ...answer('one'), status: 503 });
  expect((await get({ headers: { 'If-None-Match': '*' } })).status).toBe(503);
});

const CLOSE = 'Host: a\r\nConnection: close\r\n\r\n';

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400],
  ['an unknown method', `FOO / HTTP/1.1\r\n${CLOSE}`, 400],
  ['a bad version', `GET / HTTP/9.9\r\n${CLOSE}`, 400],
  ['a header without colon', 'GET / HTTP/1.1\r\nHost a\r\n\r\n', 400],
  ['a NUL in a header', `GET / HTTP/1.1\r\nX: a\0b\r\n${CLOSE}`, 400],
  [
    'two lengths',
    `POST /api/people HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n${CLOSE}`,
    400,
  ],
  [
    'length and chunks',
    `POST /api/people HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n${CLOSE}`,
    400,
  ],
  [
    'a broken chunk',
    `POST /api/people HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${CLOSE}zz\r\n`,
    400,
  ],
  [
    'a chunk with 20 kB beside it',
    `POST /api/people HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${CLOSE}2;${'x'.repeat(20_000)}\r\n`,
    413,
  ],
  ['no Host', 'GET /api/hello HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['no Host on a fast route', 'GET /jwks.json HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['two Hosts', `GET /api/hello HTTP/1.1\r\nHost: b\r\n${CLOSE}`, 400],
  ['two Hosts on a fast route', `GET /jwks.json HTTP/1.1\r\nHost: b\r\n${CLOSE}`, 400],
  ['headers over 16 KiB', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n${CLOSE}`, 431],
  ['a megabyte of header', `GET / HTTP/1.1\r\nX: ${'x'.repeat(1_000_000)}\r\n${CLOSE}`, 431],
  ['a URI over 8 KiB', `GET /${'x'.repeat(9000)} HTTP/1.1\r\n${CLOSE}`, 414],
  ['CONNECT', `CONNECT a:443 HTTP/1.1\r\n${CLOSE}`, 400],
  ['an unknown expectation', `GET /api/hello HTTP/1.1\r\nExpect: miracles\r\n${CLOSE}`, 417],
  ['a target that is no path', `GET hello HTTP/1.1\r\n${CLOSE}`, 400],
  ['an absolute target', `GET http://other/api/hello HTTP/1.1\r\n${CLOSE}`, 200],
  ['an absolute target of a fast route', `GET HTTP://a:1/jwks.json?x HTTP/1.1\r\n${CLOSE}`, 200],
  ['a broken absolute target', `GET http://[/x HTTP/1.1\r\n${CLOSE}`, 404],
  ['an asterisk', `GET * HTTP/1.1\r\n${CLOSE}`, 400],
  ['dot segments', `GET /api/../api/hello HTTP/1.1\r\n${CLOSE}`, 404],
  ['a fragment', `GET /api/hello#x HTTP/1.1\r\n${CLOSE}`, 400],
  ['a byte above ASCII', `GET /api/hello\xa0 HTTP/1.1\r\n${CLOSE}`, 400],
  [
    'an upgrade to h2c, ignored',
    `GET /api/hello HTTP/1.1\r\nUpgrade: h2c\r\nHost: a\r\nConnection: Upgrade, close\r\n\r\n`,
    200,
  ],
  ['HTTP/1.0', 'GET /api/hello HTTP/1.0\r\n\r\n', 200],
])('%s is answered and closed', async (_, bytes, status) => {
  const { edge } = await jwks();
  const raw = await edge.raw(Buffer.from(bytes, 'latin1'));
  const [head = '', body = ''] = raw.split('\r\n\r\n');
  expect(Number(head.split(' ')[1])).toBe(status);
  const id = /^x-request-id: (.*)$/im.exec(head)?.[1];
  expect(id).toMatch(/^[\w-]+$/);
  expect(head).toMatch(/^x-content-type-options: nosniff$/im);
  expect(head).toMatch(/^vary: (?:.*, )?Origin$/im);
  expect(head).toMatch(/^connection: close$/im);
  if (status !== 200) {
    expect(head).toMatch(/^content-type: application\/problem\+json$/im);
    const code = status === 404 ? 'not_found' : status === 413 ? 'body_too_large' : undefined;
    const expected = { status, code: code ?? 'invalid_request', request_id: id };
    expect(JSON.parse(body)).toMatchObject(expected);
  }
  expect(await edge.line('request', { request_id: id })).toBeTruthy();
  expect(edge.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

test.each([
  ['headers', 'GET /api/hello HTTP/1.1\r\nHost: a\r\n'],
  [
    'a body',
    'POST /api/people HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  ],
])('%s that do not arrive in time are 408', async (_, bytes) => {
  const edge = await startEdge();
  edge.server.headersTimeout = 100;
  edge.server.requestTimeout = 100;
  const answer = await edge.raw(bytes);
  expect(answer).toMatch(/^HTTP\/1.1 408 /);
  expect(answer).toMatch(/^x-request-id: /im);
  expect(answer).toMatch(/^x-content-type-options: nosniff$/im);
});

test('a spare connection, on which nothing comes, is closed without a line in the log', async () => {
  const edge = await startEdge();
  edge.server.headersTimeout = 100;
  edge.server.requestTimeout = 100;
  expect(await edge.raw()).toMatch(/^HTTP\/1.1 408 /);
  expect(edge.lines).toEqual([]);
});

test('a client that resets the connection in the middle of nonsense harms nobody', async () => {
  const edge = await startEdge();
  const socket = connect(edge.port, '127.0.0.1');
  const [accepted] = await once(edge.server, 'connection');
  // `once` of node:events would reject on the reset, which is what this is about.
  const closed = new Promise((resolve) => accepted.once('close', resolve));
  socket.write('no HTTP\r\n\r\n');
  socket.resetAndDestroy();
  await closed;
  expect((await fetch(`${edge.url}/api/hello`)).status).toBe(200);
});

test('a client that resets the connection of a refused CONNECT harms nobody', async () => {
  const edge = await startEdge();
  const socket = connect(edge.port, '127.0.0.1');
  const [accepted] = await once(edge.server, 'connection');
  const closed = new Promise((resolve) => accepted.once('close', resolve));
  socket.write('CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'data');
  socket.resetAndDestroy();
  await closed;
  expect((await fetch(`${edge.url}/api/hello`)).status).toBe(200);
});

test('drain finishes what is in flight with Connection: close and drops the rest', async () => {
  const router = createRouter();
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  router.get('/slow', async (ctx) => {
    await released;
    ctx.body = { done: true };
  });
  const edge = await startEdge({ routers: [router] });
  const silent = connect(edge.port, '127.0.0.1');
  await once(edge.server, 'connection');
  const idle = connect(edge.port, '127.0.0.1');
  idle.write('GET /absent HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(idle, 'data');
  const busy = edge.raw('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(edge.server, 'request');
  const silentClosed = once(silent, 'close');
  const idleClosed = once(idle, 'close');
  const drained = drain(edge.server);
  await Promise.all([silentClosed, idleClosed]);
  expect(edge.server.listening).toBe(false);
  release();
  const finished = await busy;
  expect(finished).toContain('{"done":true}');
  expect(finished).toMatch(/^connection: close$/im);
  await drained;
});
