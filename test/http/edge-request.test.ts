import request from 'supertest';
import { expect, test } from 'vitest';
import { createRouter } from '../../src/http/context.ts';
import { clearCookie, setCookie } from '../../src/http/cookie.ts';
import { startEdge } from './edge-server.ts';

test.each([
  [0, '9.9.9.9, 1.2.3.4', '127.0.0.1'],
  [1, undefined, '127.0.0.1'],
  [1, '9.9.9.9, 1.2.3.4', '1.2.3.4'],
  [2, '6.6.6.6, 9.9.9.9, 1.2.3.4', '9.9.9.9'],
  [2, '9.9.9.9, 1.2.3.4', '9.9.9.9'],
  [3, '9.9.9.9, 1.2.3.4', '1.2.3.4'],
  [1, '9.9.9.9, unknown', '127.0.0.1'],
  [1, `9.9.9.9, ${'1'.repeat(3000)}`, '127.0.0.1'],
  [1, '1.2.3.4:5678', '1.2.3.4'],
  [1, '[2001:DB8::1]:443', '2001:db8::1'],
  [1, '::ffff:1.2.3.4', '1.2.3.4'],
  [1, '::ffff:102:304', '::ffff:102:304'],
  [1, 'fe80::1%eth0', 'fe80::1'],
  [1, '1.2.3.4,', '127.0.0.1'],
])('behind %i proxies, X-Forwarded-For %s is %s', async (trustProxy, header, address) => {
  const edge = await startEdge({ trustProxy });
  const call = request(edge.url).get('/api/hello');
  if (header !== undefined) call.set('X-Forwarded-For', header);
  expect((await call.expect(200)).body.address).toBe(address);
  expect((await edge.line('request')).address).toBe(address);
});

test('the user agent is bounded and printable', async () => {
  const edge = await startEdge();
  const long = await request(edge.url).get('/api/hello').set('User-Agent', 'x'.repeat(1000));
  expect(long.body.userAgent).toHaveLength(400);
  const strange = await edge.raw(
    Buffer.from(
      'GET /api/hello HTTP/1.1\r\nHost: a\r\nUser-Agent: a\tb\xe9\r\nConnection: close\r\n\r\n',
      'latin1',
    ),
  );
  expect(strange).toContain('"userAgent":"a?b?"');
  const none = await edge.raw('GET /api/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect(none).toContain('"userAgent":null');
});

test.each([
  [[], null],
  [['Bearer abc'], 'abc'],
  [['bEaReR   abc '], 'abc'],
  [['Bearer'], null],
  [['Bearer '], null],
  [['Basic abc'], null],
  [['Bearerabc'], null],
  [['abc'], null],
  [[`Bearer ${'x'.repeat(9000)}`], 'x'.repeat(9000)],
])('Authorization %j', async (values, token) => {
  const edge = await startEdge();
  const fields = values.map((value) => `Authorization: ${value}\r\n`).join('');
  const answer = await edge.raw(
    `GET /api/token?access_token=no HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`,
  );
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toEqual({ token });
});

test('two Authorization headers are 400, equal ones too', async () => {
  const edge = await startEdge();
  const answer = await edge.raw(
    'GET /api/token HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer a\r\nConnection: close\r\n\r\n',
  );
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(answer).toContain('"code":"invalid_request"');
});

test.each([
  ['probe=a', 'a'],
  ['x=1; probe=a=b; y', 'a=b'],
  ['probe=a; probe=a', 'a'],
  ['probe=a; probe=b', null],
  ['Probe=a; xprobe=b; probe', null],
  ['probe1', null],
  ['=;;;==; ; %00; probe=', ''],
  ['"; \\"=; __proto__=x', null],
])('Cookie %s reads as %s', async (header, value) => {
  const edge = await startEdge();
  const response = await request(edge.url).get('/api/cookie').set('Cookie', header).expect(200);
  expect(response.body.value).toBe(value);
});

test('cookies are set and cleared with the same attributes', async () => {
  const router = createRouter();
  const spec = { name: '__Host-probe', sameSite: 'lax', secure: true } as const;
  router.get('/set', (ctx) => {
    setCookie(ctx, { ...spec, value: 'v', maxAge: 60 });
    setCookie(ctx, { name: 'other', value: '', maxAge: 1, sameSite: 'strict', secure: false });
    ctx.body = {};
  });
  router.get('/clear', (ctx) => {
    clearCookie(ctx, spec);
    ctx.status = 204;
  });
  router.get('/bad', (ctx) => {
    setCookie(ctx, { ...spec, value: 'a;b', maxAge: 1 });
  });
  const edge = await startEdge({ routers: [createRouter(), router] });
  expect((await request(edge.url).get('/set').expect(200)).headers['set-cookie']).toEqual([
    '__Host-probe=v; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure',
    'other=; Max-Age=1; Path=/; HttpOnly; SameSite=Strict',
  ]);
  expect((await request(edge.url).get('/clear').expect(204)).headers['set-cookie']).toEqual([
    '__Host-probe=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure',
  ]);
  const bad = await request(edge.url).get('/bad').expect(500);
  expect(bad.headers).not.toHaveProperty('set-cookie');
});
