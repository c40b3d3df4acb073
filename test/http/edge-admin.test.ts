import { expect, test } from 'vitest';
import { startAdmin } from './admin-server.ts';

/** What the private listener answers to some bytes. */
async function answerTo(bytes: string, { raw }: Awaited<ReturnType<typeof startAdmin>>) {
  const answer = await raw(Buffer.from(bytes, 'latin1'));
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const id = /^x-request-id: (.*)$/im.exec(head)?.[1];
  return { head, body, status: Number(head.split(' ')[1]), id };
}

const CLOSE = 'Host: a\r\nConnection: close\r\n\r\n';

test.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400],
  ['a header without colon', 'GET /metrics HTTP/1.1\r\nHost a\r\n\r\n', 400],
  ['no Host', 'GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
  ['two Hosts', `GET /metrics HTTP/1.1\r\nHost: b\r\n${CLOSE}`, 400],
  ['headers over 8 KiB', `GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(9000)}\r\n${CLOSE}`, 431],
  ['CONNECT', `CONNECT a:443 HTTP/1.1\r\n${CLOSE}`, 400],
  ['an unknown expectation', `GET /metrics HTTP/1.1\r\nExpect: miracles\r\n${CLOSE}`, 417],
  ['another path', `GET / HTTP/1.1\r\n${CLOSE}`, 404],
  ['another method', `DELETE /metrics HTTP/1.1\r\n${CLOSE}`, 405],
])('the private listener answers %s with a problem', async (_, bytes, status) => {
  const { head, body, id, status: answered } = await answerTo(bytes, await startAdmin());
  expect(answered).toBe(status);
  expect(id).toMatch(/^[\w-]+$/);
  expect(head).toMatch(/^content-type: application\/problem\+json$/im);
  expect(head).toMatch(/^x-content-type-options: nosniff$/im);
  expect(head).toMatch(/^content-security-policy: default-src 'none';/im);
  expect(head).toMatch(/^referrer-policy: same-origin$/im);
  expect(head).toMatch(/^connection: close$/im);
  expect(JSON.parse(body)).toMatchObject({ status, request_id: id });
});

test.each([
  [
    'an upgrade, ignored',
    'GET /metrics HTTP/1.1\r\nUpgrade: h2c\r\nHost: a\r\nConnection: Upgrade, close\r\n\r\n',
  ],
  ['an absolute target', `GET http://a/metrics HTTP/1.1\r\n${CLOSE}`],
  ['HTTP/1.0', 'GET /metrics HTTP/1.0\r\n\r\n'],
])('the private listener answers %s with metrics', async (_, bytes) => {
  const { body, id, status } = await answerTo(bytes, await startAdmin());
  expect([status, body]).toEqual([200, 'keyturn_can_sign 1\n']);
  expect(id).toMatch(/^[\w-]+$/);
});

test('the private listener does not wait for headers for ever, and says so', async () => {
  const admin = await startAdmin();
  const { server, lines } = admin;
  server.headersTimeout = 100;
  server.requestTimeout = 100;
  const { head, body, id, status } = await answerTo('GET /metrics HTTP/1.1\r\nHost: a\r\n', admin);
  expect(status).toBe(408);
  expect(head).toMatch(/^content-type: application\/problem\+json$/im);
  expect(JSON.parse(body)).toMatchObject({ status: 408, request_id: id });
  const line = { request_id: id, status: 408, address: '127.0.0.1' };
  expect(lines).toEqual([expect.objectContaining(line)]);
});

test('the private listener answers HEAD as GET, and lets nobody keep its answers', async () => {
  const admin = await startAdmin();
  const { head, body, status } = await answerTo(`HEAD /metrics HTTP/1.1\r\n${CLOSE}`, admin);
  expect([status, body]).toEqual([200, '']);
  expect(head).toMatch(/^content-length: 19$/im);
  expect(head).toMatch(/^cache-control: no-store$/im);
});

test('the private listener has few connections, and little patience with each', async () => {
  const { headersTimeout, requestTimeout, maxConnections } = (await startAdmin()).server;
  expect([headersTimeout, requestTimeout, maxConnections]).toEqual([5000, 5000, 50]);
});
