import request from 'supertest';
import { expect, test } from 'vitest';
import { createLogger } from '../../src/kit/log.ts';
import { APP_ORIGIN, startEdge } from './edge-server.ts';

const SECURITY = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  vary: 'Origin',
};

test.each([
  ['GET', '/api/hello', 200, undefined],
  ['GET', '/api/absent', 404, 'not_found'],
  ['GET', '/api/nothing', 404, 'not_found'],
  ['GET', '/api/hello/', 404, 'not_found'],
  ['GET', '/api/Hello', 404, 'not_found'],
  ['GET', '//api/hello', 404, 'not_found'],
  ['GET', '/api/%68ello', 404, 'not_found'],
  ['POST', '/api/hello', 405, 'method_not_allowed'],
  ['TRACE', '/api/hello', 405, 'method_not_allowed'],
  ['PROPFIND', '/api/people/1', 405, 'method_not_allowed'],
  ['GET', '/api/people/%zz', 400, 'invalid_request'],
  ['GET', '/api/people/%ff', 400, 'invalid_request'],
  ['GET', '/api/people/a%00b', 400, 'invalid_request'],
  ['GET', `/api/people/${'x'.repeat(9000)}`, 414, 'invalid_request'],
  ['GET', '/api/crash', 500, 'internal'],
  ['GET', '/api/unwritable', 500, 'internal'],
  ['GET', '/api/thrown-text', 500, 'internal'],
  ['GET', '/api/away', 503, 'unavailable'],
  ['GET', '/api/expired', 401, 'token_expired'],
  ['GET', '/api/library', 400, 'invalid_request'],
])('%s %s is %i with every header that an answer owes', async (method, path, status, code) => {
  const edge = await startEdge();
  const response = await fetch(edge.url + path, { method, headers: { Origin: APP_ORIGIN } }).catch(
    async () =>
      rawFetch(
        await edge.raw(
          `${method} ${path} HTTP/1.1\r\nHost: a\r\nOrigin: ${APP_ORIGIN}\r\nConnection: close\r\n\r\n`,
        ),
      ),
  );
  expect(response.status).toBe(status);
  const headers = Object.fromEntries(response.headers);
  expect(headers).toMatchObject(SECURITY);
  expect(headers['access-control-allow-origin']).toBe(APP_ORIGIN);
  expect(headers).not.toHaveProperty('x-powered-by');
  expect(headers).not.toHaveProperty('server');
  const body = (await response.json()) as Record<string, unknown>;
  if (code !== undefined) {
    expect(body).toMatchObject({ type: `urn:keyturn:error:${code}`, status, code });
    expect(body.title).toEqual(expect.any(String));
    expect(body.request_id).toBe(headers['x-request-id']);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(headers['cache-control']).toBe('no-store');
  }
  const line = await edge.line('request', { request_id: headers['x-request-id'] });
  expect(line).toMatchObject({
    method,
    status,
    address: '127.0.0.1',
    duration_ms: expect.any(Number),
  });
});

/** fetch refuses to send TRACE. */
function rawFetch(answer: string): Response {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  const [status = '', ...fields] = head.split('\r\n');
  const headers = fields.map((field) => field.split(/: (.*)/s).slice(0, 2) as [string, string]);
  return new Response(body, { status: Number(status.split(' ')[1]), headers });
}

const fast = new Map([['/fast', () => ({ status: 200, headers: {}, body: Buffer.from('{}') })]]);
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

test.each([
  ['GET', '/absent', BROWSER, 'page'],
  ['GET', '/absent', 'TEXT/HTML', 'page'],
  ['GET', '/absent', 'application/json, Text/Html ; charset=utf-8 ; q=0.1', 'page'],
  ['GET', '/absent', 'text/html;q=0.001', 'page'],
  ['GET', '/absent', 'text/html;q=0', 'problem'],
  ['GET', '/absent', 'text/html; Q=0.000, */*', 'problem'],
  ['GET', '/absent', '*/*', 'problem'],
  ['GET', '/absent', 'text/htmlx, x/text/html, application/json; as="text/html"', 'problem'],
  ['GET', '/absent', '', 'problem'],
  ['GET', '/api/absent', BROWSER, 'problem'],
  ['GET', '/apiary', BROWSER, 'page'],
  ['GET', '/.well-known/absent', BROWSER, 'problem'],
  ['POST', '/fast', BROWSER, 'problem'],
])('%s %s for Accept: %s fails as a %s', async (method, path, Accept, kind) => {
  const renderErrorPage = ({ status }: { status: number }) => ({
    status,
    headers: [['Content-Type', 'text/html']] as const,
    body: Buffer.from('a page'),
  });
  const edge = await startEdge({ renderErrorPage, fast });
  const response = await fetch(edge.url + path, { method, headers: { Accept } });
  const type = { page: 'text/html', problem: 'application/problem+json' }[kind];
  expect(response.headers.get('content-type')).toBe(type);
  expect(response.status).toBe(method === 'GET' ? 404 : 405);
});

test('a crash tells the client nothing, drops half an answer and logs the stack', async () => {
  const edge = await startEdge();
  const response = await request(edge.url).get('/api/crash').expect(500);
  expect(response.text).not.toContain('secret of the crash');
  expect(response.body).not.toHaveProperty('detail');
  expect(response.headers).not.toHaveProperty('set-cookie');
  expect(response.headers).not.toHaveProperty('etag');
  const line = await edge.line('request failed', { request_id: response.body.request_id });
  expect(line.level).toBe('error');
  expect(JSON.stringify(line.err)).toContain('edge-server.ts');
});

test('what cannot be written is logged as any other fault of ours', async () => {
  const edge = await startEdge();
  const response = await request(edge.url).get('/api/unwritable').expect(500);
  const line = await edge.line('request failed', { request_id: response.body.request_id });
  expect(JSON.stringify(line.err)).toContain('BigInt');
});

test('an outage says when to come back and logs its cause', async () => {
  const edge = await startEdge();
  const response = await request(edge.url).get('/api/away').expect(503);
  expect(response.headers['retry-after']).toBe('3');
  const line = await edge.line('unavailable', { request_id: response.body.request_id });
  expect(line.level).toBe('warn');
  expect(JSON.stringify(line.err)).toContain('connect failed');
});

test('a bearer fault carries the challenge of RFC 6750, quoted safely', async () => {
  const edge = await startEdge();
  const response = await request(edge.url).get('/api/expired').expect(401);
  expect(response.headers['www-authenticate']).toBe(
    `Bearer error="invalid_token", error_description="Said 'so'? at noon"`,
  );
});

test('HEAD answers as GET without a body, errors too', async () => {
  const edge = await startEdge();
  const get = await request(edge.url).get('/api/people/7').expect(200);
  const head = await request(edge.url).head('/api/people/7').expect(200);
  expect(head.headers['content-length']).toBe(get.headers['content-length']);
  const error = await edge.raw('HEAD /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(error).toMatch(/^HTTP\/1.1 404 /);
  expect(error.endsWith('\r\n\r\n')).toBe(true);
});

test('405 and OPTIONS name the methods of a path', async () => {
  const edge = await startEdge();
  const refused = await request(edge.url).post('/api/people/7').expect(405);
  expect(refused.headers.allow).toBe('HEAD, GET, DELETE, OPTIONS');
  const options = await request(edge.url).options('/api/people/7').expect(204);
  expect(options.headers.allow).toBe('HEAD, GET, DELETE, OPTIONS');
  await request(edge.url).options('/api/absent').expect(404);
});

test('Strict-Transport-Security only where the issuer is https', async () => {
  const edge = await startEdge({ issuer: 'http://localhost:3000' });
  const { headers } = await request(edge.url).get('/api/hello').expect(200);
  expect(headers).not.toHaveProperty('strict-transport-security');
});

test('the metrics hook and the log get the pattern, never the path of a person', async () => {
  const edge = await startEdge();
  await request(edge.url).get('/api/people/7?secret=1').set('X-Request-Id', 'up-1');
  const line = await edge.line('request', { path: '/api/people/7' });
  expect(line).toMatchObject({ route: '/api/people/:id', upstream_request_id: 'up-1' });
  expect(line.request_id).not.toBe('up-1');
  expect(JSON.stringify(edge.lines)).not.toContain('secret');
  expect(edge.responses).toEqual([
    { route: '/api/people/:id', method: 'GET', status: 200, seconds: expect.any(Number) },
  ]);
});

test('what a request took is told in seconds to the metrics, in milliseconds to the log', async () => {
  let now = 0;
  const monotonic = () => {
    now += 250.0004;
    return now;
  };
  const edge = await startEdge({ clock: { monotonic } });
  await request(edge.url).get('/api/hello').expect(200);
  expect(await edge.line('request')).toMatchObject({ duration_ms: 250 });
  expect(edge.responses).toEqual([expect.objectContaining({ seconds: expect.closeTo(0.25, 6) })]);
});

test('a quiet log has no line of a request, whoever would write it', async () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', format: 'json', destination: { write() {} } });
  const edge = await startEdge({ log, writeLine: (members) => lines.push(members) });
  await edge.raw('GET /api/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(edge.responses).toHaveLength(1);
  expect(lines).toEqual([]);
});

test.each(['/api/people/7?x=1', '/api/people/%22,%22status%22:1', '/"\\{}'])(
  'a line for %s says the same whoever formats it',
  async (path) => {
    const lines: string[] = [];
    const fast = await startEdge({ writeLine: (members) => lines.push(`{${members}}`) });
    const slow = await startEdge();
    const bytes = `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: up-1\r\nConnection: close\r\n\r\n`;
    await Promise.all([fast.raw(bytes), slow.raw(bytes)]);
    const expected = await slow.line('request');
    delete expected.level;
    delete expected.time;
    const own = { request_id: expect.any(String), duration_ms: expect.any(Number) };
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ ...expected, ...own }]);
  },
);
