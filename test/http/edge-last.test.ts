import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createRouter } from '../../src/http/context.ts';
import { startAdmin } from './admin-server.ts';
import { probeRouter, startEdge } from './edge-server.ts';

const fast = new Map([['/fast', () => ({ status: 200, headers: {}, body: Buffer.from('{}') })]]);

/** An edge with a call that leaves a trace. */
async function startCounting() {
  let served = 0;
  const router = createRouter().post('/api/count', (ctx) => {
    served += 1;
    ctx.status = 204;
  });
  const edge = await startEdge({ fast, routers: [probeRouter(), router] });
  return { edge, served: () => served };
}
const COUNT = 'POST /api/count HTTP/1.1\r\nHost: a\r\n\r\n';

test.each([
  ['a bad Host', 'GET /api/hello HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['a bad Host of a prebuilt answer', 'GET /fast HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['two Hosts', 'GET /api/hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 400],
  ['no Host', 'GET /api/hello HTTP/1.1\r\n\r\n', 400],
  [
    'a coding that nobody reads',
    'POST /api/empty HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  [
    'chunks in HTTP/1.0',
    'POST /api/empty HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  ['an expectation', 'GET /api/hello HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n', 417],
])('what comes behind %s is not done', async (_, head, status) => {
  const { edge, served } = await startCounting();
  const answer = await edge.raw(`${head}${COUNT}${COUNT}`);
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
  expect(answer).toMatch(/^connection: close$/im);
  expect(served()).toBe(0);
  await edge.raw(COUNT.replace('Host', 'Connection: close\r\nHost'));
  expect(served()).toBe(1);
});

/** Sends a body of so many bytes, and a request behind it as soon as there is the answer. */
async function sendTwo(port: number, path: string, bytes: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method: string, to: string, body?: Buffer) =>
    new Promise<{ status: number; connection: string | undefined }>((resolve, reject) => {
      const headers = body ? { 'Content-Length': body.length } : {};
      const call = request({ port, path: to, method, agent, headers }, (response) => {
        const { connection } = response.headers;
        response.resume().once('end', () => {
          resolve({ status: response.statusCode ?? 0, connection });
        });
      });
      call.once('error', reject).end(body);
    });
  try {
    const first = await ask('POST', path, Buffer.alloc(bytes, 'x'));
    return [first, await ask('GET', '/fast')];
  } finally {
    agent.destroy();
  }
}

test.each([
  ['/absent', 404],
  ['/fast', 405],
  ['/api/hello', 405],
  ['/api/people', 415],
])('POST %s with a large body is %i, and harms no request behind it', async (path, status) => {
  const { port } = await startEdge({ fast });
  for (const [bytes, connection] of [
    [1_000_000, 'keep-alive'],
    [4_800_000, 'close'],
    [9_000_000, 'close'],
  ] as const) {
    const answers = await sendTwo(port, path, bytes);
    expect(answers.map((answer) => answer.status)).toEqual([status, 200]);
    expect(answers[0]?.connection).toBe(connection);
  }
});

const JSON_TYPE = 'Content-Type: application/json\r\n';

test.each([
  ['413', `Host: a\r\n${JSON_TYPE}Content-Length: ${2 ** 40}\r\n\r\n`, 413],
  ['413 of chunks', `Host: a\r\n${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n`, 413],
  ['415 of chunks', 'Host: a\r\nTransfer-Encoding: chunked\r\n\r\n', 415],
])('a %s is not read on without end', async (_, fields, status) => {
  const { port } = await startEdge();
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  const over = Promise.race([once(socket, 'end'), once(socket, 'close')]).then(() => true);
  socket.write(`POST /api/people HTTP/1.1\r\n${fields}`);
  const chunk = Buffer.alloc(0xffff, ' ');
  const piece = Buffer.concat([Buffer.from('ffff\r\n'), chunk, Buffer.from('\r\n')]);
  let ended = false;
  for (let sent = 0; !ended && sent < 4096; sent++) {
    const drained = new Promise<boolean>((resolve) => socket.write(piece, () => resolve(false)));
    ended = await Promise.race([over, drained]);
  }
  expect(ended).toBe(true);
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
  socket.destroy();
});

test.each([
  ['POST /absent', '/absent', 404],
  ['GET /fast', '/fast', 200],
  ['GET /metrics', '/metrics', 200],
])('%s has one answer, also where its body never comes', async (call, path, status) => {
  const listener = path === '/metrics' ? await startAdmin() : await startEdge({ fast });
  listener.server.headersTimeout = 100;
  listener.server.requestTimeout = 100;
  const bytes = `${call} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx`;
  const answer = await listener.raw(Buffer.from(bytes));
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
  expect(listener.lines.filter(({ method }) => method === null)).toEqual([]);
});

test.each([
  ['1.0', '', ['200']],
  ['1.1', 'Connection: Close\r\n', ['100', '200']],
  ['1.1', 'Connection: keep-alive, close\r\n', ['100', '200']],
])(
  'a client of HTTP/%s that expects to be asked, with %j, is let go',
  async (version, more, all) => {
    const edge = await startEdge();
    const fields = `Host: a\r\nExpect: 100-continue\r\n${more}${JSON_TYPE}Content-Length: 2\r\n`;
    const answer = await edge.raw(`POST /api/empty HTTP/${version}\r\n${fields}\r\n{}`);
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(all.map((status) => `HTTP/1.1 ${status}`));
  },
);
