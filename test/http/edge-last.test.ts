import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect, test } from 'vitest';
import { createRouter } from '../../src/http/context.ts';
import { drain } from '../../src/http/listener.ts';
import { startAdmin } from './admin-server.ts';
import { APP_ORIGIN, probeRouter, startEdge } from './edge-server.ts';

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
  [
    'a preflight with a coding that nobody reads',
    `OPTIONS /api/hello HTTP/1.1\r\nHost: a\r\nOrigin: ${APP_ORIGIN}\r\nAccess-Control-Request-Method: POST\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    204,
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

/**
 * Sends a body in pieces, so that the answer comes while it is sent; returns what was read. Between
 * two of them is a round trip to somebody else: what a reset would do to the answer has happened.
 */
async function sendPaced(port: number, head: string, pieces: number, during?: () => void) {
  const other = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port: beat } = other.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  const failures: unknown[] = [];
  socket.on('error', (error) => failures.push(error));
  const over = once(socket, 'close');
  socket.write(head);
  const piece = Buffer.alloc(64 * 1024, 'x');
  for (let i = 0; i < pieces && socket.writable; i++) {
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()));
    await (await fetch(`http://127.0.0.1:${beat}`)).text();
    if (i === 3) during?.();
  }
  // As clients do that write first and then read: a reset takes what has not been read.
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  socket.end();
  other.close();
  await over;
  return { answer, failures };
}
const PACED = 24;
const length = `Content-Length: ${PACED * 64 * 1024}\r\n`;

test.each([
  ['/absent', '', 404],
  ['/fast', '', 405],
  ['/api/people', '', 415],
  ['/api/people', JSON_TYPE, 413],
])(
  'POST %s with %j gets its answer read before the connection is closed',
  async (path, type, status) => {
    const { port } = await startEdge({ fast });
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${type}${length}\r\n`;
    const { answer, failures } = await sendPaced(port, head, PACED);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(failures).toEqual([]);
  },
);

test('an answer that is out is left to be read when the server stops', async () => {
  const { port, server } = await startEdge();
  let drained: Promise<void> | undefined;
  const head = `POST /api/people HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}${length}\r\n`;
  const { answer, failures } = await sendPaced(port, head, PACED, () => {
    drained = drain(server);
  });
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(failures).toEqual([]);
  await drained;
});

test('a large body behind a slow request does not cost that its answer', async () => {
  const gate = Promise.withResolvers<void>();
  const router = createRouter().get('/api/slow', async (ctx) => {
    await gate.promise;
    ctx.body = {};
  });
  const edge = await startEdge({ routers: [probeRouter(), router] });
  const connected = once(edge.server, 'connection');
  const socket = connect(edge.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  socket.on('error', () => {});
  socket.write('GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n');
  socket.write(
    `POST /api/people HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n`,
  );
  const piece = `ffff\r\n${' '.repeat(0xffff)}\r\n`;
  for (let i = 0; i < 80; i++) socket.write(piece);
  const [there] = await connected;
  // Past what is read of a body that is refused.
  while (there.bytesRead < 4 * 1024 ** 2) await (await fetch(`${edge.url}/api/hello`)).text();
  gate.resolve();
  await once(socket, 'close');
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 413']);
});

test('what comes behind a body that is not read to its end is not done', async () => {
  const { edge, served } = await startCounting();
  const connected = once(edge.server, 'connection');
  const socket = connect(edge.port, '127.0.0.1').resume();
  socket.on('error', () => {});
  const [there] = await connected;
  const over = once(there, 'close');
  const head = `POST /api/people HTTP/1.1\r\nHost: a\r\n${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n`;
  const piece = `ffff\r\n${' '.repeat(0xffff)}\r\n`;
  socket.end(`${head}${piece.repeat(80)}0\r\n\r\n${COUNT}`);
  await over;
  expect(served()).toBe(0);
});

test('an empty Host is refused by a process that has seen no other', async () => {
  const edge = await startEdge();
  const { lookAtHead } = await import('../../src/http/head.ts?fresh' as '../../src/http/head.ts');
  const asked = once(edge.server, 'request');
  await edge.raw('GET /api/hello HTTP/1.1\r\nHost:\r\n\r\n');
  expect(lookAtHead((await asked)[0])).toBe('bad host');
});

test('CONNECT behind the last request is not answered', async () => {
  const edge = await startEdge();
  const answer = await edge.raw(
    'GET /api/hello HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 417']);
});

test('a client that is asked for its body while the server stops is let go', async () => {
  const edge = await startEdge();
  const connected = once(edge.server, 'connection');
  const socket = connect(edge.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  const fields = `Expect: 100-continue\r\n${JSON_TYPE}Content-Length: 2\r\n`;
  const [there] = await connected;
  socket.write('POST /api/empty HTTP/1.1\r\n');
  while (there.bytesRead === 0) await (await fetch(`${edge.url}/api/hello`)).text();
  const drained = drain(edge.server);
  socket.write(`Host: a\r\n${fields}\r\n`);
  await once(socket, 'data');
  socket.write('{}');
  await once(socket, 'close');
  await drained;
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200']);
  expect(answer).toMatch(/^connection: close$/im);
});
