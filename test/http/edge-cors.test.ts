import request from 'supertest';
import { expect, test } from 'vitest';
import { APP_ORIGIN, ISSUER, startEdge } from './edge-server.ts';

test('an allowed origin may read answers, and send its cookie on the cookie calls only', async () => {
  const edge = await startEdge();
  const plain = await request(edge.url).get('/api/hello').set('Origin', APP_ORIGIN);
  expect(plain.headers['access-control-allow-origin']).toBe(APP_ORIGIN);
  expect(plain.headers['access-control-expose-headers']).toBe(
    'ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id',
  );
  expect(plain.headers).not.toHaveProperty('access-control-allow-credentials');
  const cookie = await request(edge.url).post('/api/people').set('Origin', APP_ORIGIN);
  expect(cookie.status).toBe(400);
  expect(cookie.headers['access-control-allow-credentials']).toBe('true');
});

test.each([
  'https://app.example.com.evil.com',
  'https://APP.example.com',
  'https://app.example.com/',
  'http://app.example.com',
  'null',
  '*',
])('origin %s gets no CORS headers', async (origin) => {
  const edge = await startEdge();
  const { headers } = await request(edge.url).get('/api/hello').set('Origin', origin).expect(200);
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  expect(headers.vary).toBe('Origin');
});

test('a preflight is answered for allowed origins', async () => {
  const edge = await startEdge();
  const { headers } = await request(edge.url)
    .options('/api/people')
    .set('Origin', APP_ORIGIN)
    .set('Access-Control-Request-Method', 'POST')
    .expect(204);
  expect(headers).toMatchObject({
    'access-control-allow-origin': APP_ORIGIN,
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers': 'Authorization, Content-Type, If-Match',
    'access-control-max-age': '600',
  });
  expect(headers['access-control-allow-methods']).toContain('PATCH');
});

test('OPTIONS of a page that asks no leave is answered by the route', async () => {
  const edge = await startEdge();
  const { headers } = await request(edge.url)
    .options('/api/people/7')
    .set('Origin', APP_ORIGIN)
    .expect(204);
  expect(headers.allow).toBe('HEAD, GET, DELETE, OPTIONS');
  expect(headers).not.toHaveProperty('access-control-allow-methods');
});

test('a preflight of another origin is logged with it, which the browser tells nobody', async () => {
  const edge = await startEdge();
  const preflight = (origin: string) =>
    request(edge.url)
      .options('/api/people')
      .set('Origin', origin)
      .set('Access-Control-Request-Method', 'POST');
  await preflight(APP_ORIGIN).expect(204);
  // Anybody can send anything as an origin.
  await preflight(`http://ktr_${'a'.repeat(400)}.example`);
  await preflight(`http://${'a'.repeat(400)}.example`);
  // What is no preflight asks for nothing that it is refused.
  await request(edge.url).get('/api/hello').set('Origin', 'http://localhost:5173').expect(200);
  const { headers } = await preflight('http://localhost:5173').expect(204);
  expect(headers).not.toHaveProperty('access-control-allow-origin');
  const id = String(headers['x-request-id']);
  await edge.line('request', { request_id: id });
  const told = 'a page is of an origin that is not among ALLOWED_ORIGINS';
  const lines = edge.lines.filter(({ msg }) => msg === told);
  expect(lines.map(({ origin }) => origin)).toEqual([
    'http://[refresh token]',
    `http://${'a'.repeat(249)}`,
    'http://localhost:5173',
  ]);
  expect(lines[2]).toMatchObject({ request_id: id });
});

test.each([
  [{ Origin: ISSUER }, 204],
  [{ Origin: APP_ORIGIN }, 204],
  [{ 'Sec-Fetch-Site': 'same-origin' }, 204],
  [{ Origin: APP_ORIGIN, 'Sec-Fetch-Site': 'cross-site' }, 204],
  [{}, 403],
  [{ Origin: 'null' }, 403],
  [{ Origin: 'null', 'Sec-Fetch-Site': 'same-origin' }, 403],
  [{ Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' }, 403],
  [{ Origin: `${ISSUER}, https://evil.example` }, 403],
  [{ Origin: `${ISSUER}/` }, 403],
  [{ 'Sec-Fetch-Site': 'same-site' }, 403],
  [{ 'Sec-Fetch-Site': 'none' }, 403],
])('a cookie call with %j is %i', async (headers, status) => {
  const edge = await startEdge();
  const response = await request(edge.url).post('/api/same-origin').set(headers);
  expect(response.status).toBe(status);
  if (status === 403) expect(response.body.code).toBe('csrf_rejected');
});
