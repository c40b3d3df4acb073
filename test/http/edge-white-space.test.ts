import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/kit/clock.ts';
import { createLogger, lineWriter } from '../../src/kit/log.ts';
import { startEdge } from './edge-server.ts';

/** What JavaScript takes for white space and HTTP does not, as the bytes that come. */
const STRANGE = ['a0', '85', 'c2a0', '0b'].map((hex) => Buffer.from(hex, 'hex'));

async function ask(path: string, header: string, around: readonly [Buffer, Buffer], value: string) {
  const edge = await startEdge();
  const answer = await edge.raw(
    Buffer.concat([
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${header}`),
      around[0],
      Buffer.from(value),
      around[1],
      Buffer.from('\r\n\r\n'),
    ]),
  );
  return { status: answer.split(' ')[1], body: answer.split('\r\n\r\n')[1] };
}
const NONE = Buffer.alloc(0);

test.each(STRANGE)(
  'a cookie whose name has %s before it, or behind it, is another',
  async (byte) => {
    const before = await ask('/api/cookie', 'Cookie: a=b; ', [byte, NONE], 'probe=planted');
    expect(before.body ?? '').not.toContain('planted');
    const behind = await ask('/api/cookie', 'Cookie: probe', [byte, NONE], '=planted');
    expect(behind.body ?? '').not.toContain('planted');
  },
);

test.each(STRANGE)('and %s belongs to a value, or a token', async (byte) => {
  const cookie = await ask('/api/cookie', 'Cookie: probe=', [byte, NONE], 'value');
  expect(cookie.body).not.toBe('{"value":"value"}');
  const token = await ask('/api/token', 'Authorization: Bearer ', [byte, byte], 'abc');
  expect(token.body).not.toBe('{"token":"abc"}');
});

test('spaces and tabs belong to neither', async () => {
  const space = Buffer.from(' \t ');
  const cookie = await ask('/api/cookie', 'Cookie: a=b;', [space, space], 'probe\t= value');
  expect(cookie.body).toBe('{"value":"value"}');
  const token = await ask('/api/token', 'Authorization: Bearer', [space, space], 'abc');
  expect(token.body).toBe('{"token":"abc"}');
});

test('a client that resets its connection is still known by its address', async () => {
  const edge = await startEdge();
  for (let i = 0; i < 20; i++) {
    const socket = connect(edge.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`GET /api/people/${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
    socket.resetAndDestroy();
    await (await fetch(`${edge.url}/api/hello`)).text();
  }
  const addresses = edge.lines.flatMap(({ msg, address }) => (msg === 'request' ? [address] : []));
  expect(addresses.length).toBeGreaterThan(20);
  expect(new Set(addresses)).toEqual(new Set(['127.0.0.1']));
});

const REFRESH = 'ktr_AQAAZ0123456789-_abcdefghij';
const JWS = `eyJhbGciOiJSUzI1NiJ9.eyJ${'a'.repeat(600)}.c2ln`;

test.each([
  [
    'percent-encoded',
    `/x/${REFRESH.replace('_', '%5F').replace('k', '%6b')}`,
    '/x/[refresh token]',
  ],
  ['longer than what is logged', `/x/${JWS}`, '/x/[token]'],
  ['behind a backslash', `/x/\\${JWS}`, '/x/%5C[token]'],
  ['none', '/x/%2F%41%zz%C3%A4', '/x/%2FA%zz%C3%A4'],
])('a path with a token is logged without it: %s', async (_, path, logged) => {
  const edge = await startEdge();
  await edge.raw(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const line = await edge.line('request');
  expect(line.path).toBe(logged);
});

test('an id from above that is a token is logged without it', async () => {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = createLogger({ level: 'info', format: 'json', destination: { write } });
  const edge = await startEdge({ log, writeLine: lineWriter(log, systemClock()) });
  const id = `X-Request-Id: ${REFRESH}\r\n`;
  await edge.raw(`GET /api/hello HTTP/1.1\r\nHost: a\r\n${id}Connection: close\r\n\r\n`);
  const [line = '{}'] = lines;
  expect(JSON.parse(line)).toMatchObject({
    path: '/api/hello',
    upstream_request_id: '[refresh token]',
  });
});
