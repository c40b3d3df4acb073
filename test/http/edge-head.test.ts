import { expect, test } from 'vitest';
import { startAdmin } from './admin-server.ts';
import { startEdge } from './edge-server.ts';

const fast = new Map([['/fast', () => ({ status: 200, headers: {}, body: Buffer.from('{}') })]]);

/** The answers of ordinary routes, of prebuilt ones and of the private listener. */
async function everywhere(fields: string, version = '1.1') {
  const [edge, admin] = await Promise.all([startEdge({ fast }), startAdmin()]);
  const ask = (to: { raw(bytes: Buffer): Promise<string> }, path: string) =>
    to.raw(
      Buffer.from(`GET ${path} HTTP/${version}\r\n${fields}Connection: close\r\n\r\n`, 'latin1'),
    );
  // One after another: a Host that one of them took to be good is good for the next.
  const answers = [await ask(edge, '/api/hello'), await ask(edge, '/fast')];
  answers.push(await ask(admin, '/metrics'), await ask(edge, '/fast'));
  return answers.map((answer) => ({
    status: Number(answer.split(' ')[1]),
    problem: answer.includes('application/problem+json')
      ? JSON.parse(answer.split('\r\n\r\n')[1] ?? '')
      : undefined,
  }));
}

test.each([
  'localhost',
  'localhost:3000',
  'localhost:',
  'LOCALHOST',
  'id.example.com',
  'id.example.com.:443',
  'my_service-1:80',
  'b%C3%BCcher.example',
  "a~!$&'()*+;=b",
  '127.0.0.1',
  '127.0.0.1:65535',
  '[::1]',
  '[::1]:3000',
  '[2001:DB8::192.0.2.1]:80',
  ' localhost\t',
])('Host %j is served', async (host) => {
  for (const { status } of await everywhere(`Host: ${host}\r\n`)) expect(status).toBe(200);
});

test.each([
  '',
  ':80',
  'a b/c',
  'u@localhost',
  'u:p@localhost',
  'localhost, evil',
  'localhost,evil',
  'localhost/',
  'localhost?x',
  'localhost#x',
  'localhost\\x',
  'http://localhost',
  'localhost:http',
  'localhost:80:80',
  'localhost:-1',
  '::1',
  '[::1',
  '::1]',
  '[::1]x',
  '[]',
  '[::1::]',
  '[127.0.0.1]',
  '[fe80::1%25eth0]',
  '[v1.a]',
  '%zz',
  'a%2',
  '"localhost"',
  '<localhost>',
  'b\xfccher.example',
])('Host %j is 400, but for scrapes and probes', async (host) => {
  const [ordinary, prebuilt, scrape, again] = await everywhere(`Host: ${host}\r\n`);
  expect(scrape?.status).toBe(200);
  for (const answer of [ordinary, prebuilt, again]) {
    const { status, problem } = answer ?? {};
    expect([status, problem?.code]).toEqual([400, 'invalid_request']);
    expect(problem.detail).toContain('is no name or address');
  }
});

test.each([
  ['HOST: a\r\nhost: a\r\n', '1.1', 400],
  ['X-Host: a\r\nHorst: a\r\n', '1.1', 400],
  ['', '1.0', 200],
  ['Host: a\r\n', '2.0', 400],
  ['', '2.0', 400],
  ['Host: a\r\n', '0.9', 400],
])('%j in HTTP/%s is %i', async (fields, version, status) => {
  for (const answer of await everywhere(fields, version)) expect(answer.status).toBe(status);
});

test('a good Host does not vouch for the next one, and a bad one is the last', async () => {
  const edge = await startEdge({ fast });
  const hosts = ['a', 'a', 'b', 'a b', 'a'];
  const answer = await edge.raw(
    ...hosts.map((host) => `GET /fast HTTP/1.1\r\nHost: ${host}\r\n\r\n`),
  );
  const statuses = answer.match(/HTTP\/1.1 \d+/g)?.map((line) => line.slice(9));
  expect(statuses).toEqual(['200', '200', '200', '400']);
});

const CHUNKED = 'Transfer-Encoding: chunked\r\n';

test.each([
  [CHUNKED, '1.1', 200],
  ['transfer-encoding: Chunked \r\n', '1.1', 200],
  ['Transfer-Encoding: gzip, chunked\r\n', '1.1', 400],
  ['Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '1.1', 400],
  [`${CHUNKED}${CHUNKED}`, '1.1', 400],
  ['Transfer-Encoding: chunked, chunked\r\n', '1.1', 400],
  ['Transfer-Encoding: gzip\r\n', '1.1', 400],
  ['Transfer-Encoding: identity\r\n', '1.1', 400],
  [`${CHUNKED}Content-Length: 5\r\n`, '1.1', 400],
  [CHUNKED, '1.0', 400],
])('%j in HTTP/%s is %i and closes the connection', async (coding, version, status) => {
  const [edge, admin] = await Promise.all([startEdge({ fast }), startAdmin()]);
  const last = status === 200 ? 'close' : 'keep-alive';
  const ask = (path: string) =>
    `GET ${path} HTTP/${version}\r\nHost: a\r\nConnection: ${last}\r\n${coding}\r\n0\r\n\r\n`;
  const answers = [await edge.raw(ask('/api/hello')), await edge.raw(ask('/fast'))];
  answers.push(await admin.raw(ask('/metrics')));
  for (const answer of answers) {
    expect(answer.match(/HTTP\/1.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`]);
    expect(answer).toMatch(/^connection: close$/im);
    if (status === 400) expect(answer).toContain('"code":"invalid_request"');
  }
});

test.each([
  ['*', 'GET, HEAD, POST, PATCH, DELETE, OPTIONS', '*', 'GET, HEAD, OPTIONS'],
  ['/fast', 'GET, HEAD, OPTIONS', '/metrics', 'GET, HEAD, OPTIONS'],
])('OPTIONS %s says what there is, and does nothing', async (path, all, adminPath, few) => {
  const [edge, admin] = await Promise.all([startEdge({ fast }), startAdmin()]);
  for (const [to, target, allow] of [
    [edge, path, all],
    [admin, adminPath, few],
  ] as const) {
    const answer = await to.raw(
      `OPTIONS ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 204 /);
    expect(/^allow: (.*)\r$/im.exec(answer)?.[1]).toBe(allow);
    expect(answer).toMatch(/^x-request-id: [\w-]+\r$/im);
  }
});

test('nothing but OPTIONS has the target *', async () => {
  for (const to of await Promise.all([startEdge({ fast }), startAdmin()])) {
    const answer = await to.raw('GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('Only OPTIONS has the target *.');
  }
});
