import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startAdmin } from './admin-server.ts';
import { rawExchange, startEdge } from './edge-server.ts';

const fast = new Map([['/fast', () => ({ status: 200, headers: {}, body: Buffer.from('{}') })]]);
const MEGABYTE = Buffer.alloc(1024 * 1024, 'x');
/** Far more than is read, and what lies in the buffers on the way. */
const ENOUGH = 64;

const ANYWHERE = [
  ['POST', '/api/absent', 404],
  ['POST', '/api/hello', 405],
  ['GET', '/api/hello', 200],
  ['POST', '/api/people', 415],
  ['POST', '/fast', 405],
  ['GET', '/fast', 200],
  ['POST', '/metrics', 405],
] as const;

/** The public listener, or the private one for its path. */
async function portOf(path: string): Promise<number> {
  if (path !== '/metrics') return (await startEdge({ fast })).port;
  return (await startAdmin()).port;
}

/** Sends a body for as long as somebody reads, at most `ENOUGH`. */
async function sendOn(port: number, head: string) {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  // Closed with unread bytes, a connection is reset.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(head);
  await once(socket, 'data');
  let sent = 0;
  for (; sent < ENOUGH && !socket.closed; sent++) {
    const drained = new Promise<void>((resolve) => socket.write(MEGABYTE, () => resolve()));
    await Promise.race([drained, closed]);
  }
  socket.destroy();
  return { answer, sent };
}

test.each(ANYWHERE)('%s %s is %i, and a body without end is not read on', async (...call) => {
  const [method, path, status] = call;
  const length = 1024 * 1024 * 1024;
  const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
  const { answer, sent } = await sendOn(await portOf(path), head);
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
  expect(sent).toBeLessThan(ENOUGH);
});

test.each(ANYWHERE)(
  '%s %s is %i, and after a short body the connection serves on',
  async (...call) => {
    const [method, path, status] = call;
    const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${MEGABYTE.length}\r\n\r\n`;
    const next = 'GET /absent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    const answer = await rawExchange(await portOf(path), [head, MEGABYTE, next]);
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, 'HTTP/1.1 404']);
  },
);

test('nonsense behind a body that came after its answer is told to be that', async () => {
  const edge = await startEdge({ fast });
  const asked = once(edge.server, 'request');
  const socket = connect(edge.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.write('POST /fast HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
  await once(socket, 'data');
  const [request] = await asked;
  socket.write('body');
  await once(request, 'close');
  socket.write('no HTTP\r\n\r\n');
  await once(socket, 'end');
  socket.destroy();
  expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 405', 'HTTP/1.1 400']);
});
