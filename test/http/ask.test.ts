import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { ask, type Question } from '../../src/kit/ask.ts';
import { seconds } from '../../src/kit/duration.ts';

const closes: (() => void)[] = [];
afterAll(() => {
  for (const close of closes) close();
});

/** A server that answers as told, and the URL that it is asked by. */
async function serving(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closes.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a?b=c` };
}

const PLAIN: Question = { headers: {}, timeout: seconds(60), maxBytes: 1000 };
const LIMIT = 'x'.repeat(PLAIN.maxBytes);

describe('a question', () => {
  test('is a GET with its headers, on a connection of its own', async () => {
    const asked: unknown[] = [];
    const { server, url } = await serving(({ method, url: path, headers, socket }, response) => {
      asked.push({ method, path, accept: headers.accept, port: socket.remotePort });
      response.setHeader('Cache-Control', ['public', 'max-age=1']).end('hällo');
    });
    const question = { ...PLAIN, headers: { Accept: 'text/plain' } };
    const outcome = await ask(url, question);
    expect(outcome).toMatchObject({ kind: 'answer', status: 200, text: 'hällo' });
    expect(outcome).toMatchObject({ headers: { 'cache-control': 'public, max-age=1' } });
    await ask(url, question);
    const [once, twice] = asked as { port: number }[];
    expect(once).toMatchObject({ method: 'GET', path: '/a?b=c', accept: 'text/plain' });
    expect(twice?.port).not.toBe(once?.port);
    const open = () =>
      new Promise((resolve) => server.getConnections((_, count) => resolve(count)));
    await vi.waitUntil(async () => (await open()) === 0, { timeout: 60_000 });
  });

  test('with a body is a POST', async () => {
    const { url } = await serving(async (request, response) => {
      response.end(`${request.method} ${request.headers['content-length']} ${await text(request)}`);
    });
    expect(await ask(url, { ...PLAIN, body: 'é' })).toMatchObject({ text: 'POST 2 é' });
  });
});

test.each([
  ['gzip', gzipSync(LIMIT)],
  ['GZIP', gzipSync(LIMIT)],
  ['x-gzip', gzipSync(LIMIT)],
  ['deflate', deflateSync(LIMIT)],
  ['br', brotliCompressSync(LIMIT)],
  ['identity', Buffer.from(LIMIT)],
])('an answer encoded as %s is read, up to the limit', async (encoding, bytes) => {
  const { url } = await serving((_, response) => {
    response.setHeader('Content-Encoding', encoding).end(bytes);
  });
  expect(await ask(url, PLAIN)).toMatchObject({ kind: 'answer', text: LIMIT });
  expect(await ask(url, { ...PLAIN, maxBytes: 999 })).toEqual({ kind: 'too_large' });
});

describe('an answer that is of no use', () => {
  test('ends early when it is too large', async () => {
    const { url } = await serving((request, response) => {
      const more = () => {
        while (response.write(LIMIT));
      };
      response.on('drain', more);
      request.socket.on('error', () => {});
      more();
    });
    expect(await ask(url, PLAIN)).toEqual({ kind: 'too_large' });
  });

  test.each([301, 404, 503])('is not read when its status is %i', async (status) => {
    const { url } = await serving((_, response) => {
      response.writeHead(status, { Location: 'http://127.0.0.1:1/' }).write('not the end');
    });
    const outcome = await ask(url, PLAIN);
    expect(outcome).toMatchObject({ kind: 'answer', status, text: '' });
  });

  test.each<[string, RequestListener]>([
    ['does not come', () => {}],
    ['does not end', (_, response) => void response.writeHead(200).write('{')],
  ])('is given up when it %s', async (_, answer) => {
    const { url } = await serving(answer);
    expect(await ask(url, { ...PLAIN, timeout: seconds(0.1) })).toEqual({ kind: 'too_late' });
    const called = new AbortController();
    const asked = ask(url, { ...PLAIN, signal: called.signal });
    called.abort();
    expect(await asked).toEqual({ kind: 'nothing', reason: expect.stringContaining('aborted') });
  });

  test.each<[string, RequestListener, RegExp]>([
    [
      'cut off',
      (_, response) => void response.writeHead(200).write('{', () => response.destroy()),
      /aborted/,
    ],
    ['cut off before it began', (_, response) => void response.destroy(), /hang up|ECONNRESET/],
    [
      'not what it says it is',
      (_, response) => void response.setHeader('Content-Encoding', 'br').end('{}'),
      /Decompression/,
    ],
    [
      'another protocol',
      (_, { socket }) => {
        const heads = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: other'];
        socket?.write(`${heads.join('\r\n')}\r\n\r\n`);
      },
      /ended without an answer/,
    ],
    ['no HTTP', (_, response) => void response.socket?.end('SSH-2.0\r\n'), /Parse Error/],
  ])('is nothing when it is %s', async (_, answer, reason) => {
    const { url } = await serving(answer);
    expect(await ask(url, PLAIN)).toEqual({
      kind: 'nothing',
      reason: expect.stringMatching(reason),
    });
  });
});

test.each([
  ['http://127.0.0.1:1/', /^connect ECONNREFUSED 127\.0\.0\.1:1$/],
  // Two addresses, where the machine has both.
  ['http://localhost:1/', /ECONNREFUSED/],
  ['ftp://127.0.0.1/', /Protocol "ftp:" not supported/],
  ['no URL', /Invalid URL/],
])('nobody answers at %s', async (url, reason) => {
  expect(await ask(url, PLAIN)).toEqual({
    kind: 'nothing',
    reason: expect.stringMatching(reason),
  });
});

test('https is spoken where the URL says so', async () => {
  const { url } = await serving((_, response) => void response.end('plain'));
  const outcome = await ask(url.replace('http:', 'https:'), PLAIN);
  expect(outcome).toEqual({ kind: 'nothing', reason: expect.stringMatching(/SSL|EPROTO/) });
});
