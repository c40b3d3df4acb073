import { calculateJwkThumbprint, createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientOf, partOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { APP_ORIGIN, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const JWKS = '/.well-known/jwks.json';
const OPENID = '/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server';

const OPEN = {
  'access-control-allow-origin': '*',
  'x-content-type-options': 'nosniff',
  'x-request-id': expect.stringMatching(/./),
};

describe.each(DRIVERS)('the open documents on $name', (driver) => {
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
  });
  afterAll(() => keyturn.close());

  const fetched = (path: string, init: RequestInit = {}) => fetch(keyturn.url + path, init);
  const jwksOf = async (response: Response) => (await response.json()) as JSONWebKeySet;
  const headersOf = (response: Response) => Object.fromEntries(response.headers);

  test('the JWKS holds the active and the next key, and nothing private', async () => {
    const response = await fetched(JWKS);
    expect(response.status).toBe(200);
    expect(headersOf(response)).toMatchObject({
      ...OPEN,
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=300',
      etag: expect.stringMatching(/^"[\w-]{20,}"$/),
    });
    expect(headersOf(response)).not.toHaveProperty('access-control-allow-credentials');
    expect(headersOf(response)).not.toHaveProperty('set-cookie');
    const jwks = await jwksOf(response);
    expect(Object.keys(jwks)).toEqual(['keys']);
    expect(jwks.keys).toHaveLength(2);
    for (const jwk of jwks.keys) {
      expect(Object.keys(jwk).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
      expect(jwk).toMatchObject({ kty: 'RSA', use: 'sig', alg: 'RS256', e: 'AQAB' });
      expect(Buffer.from(jwk.n ?? '', 'base64url')).toHaveLength(256);
      expect(jwk.kid).toBe(await calculateJwkThumbprint(jwk));
    }
    const rows = await keyturn.sql<{ kid: string }>('SELECT kid FROM signing_keys ORDER BY kid');
    const kids = jwks.keys.map(({ kid }) => kid).sort();
    expect(kids).toEqual(rows.map(({ kid }) => kid).sort());
  });

  test('a library that knows nothing of us verifies a token by it', async () => {
    const ann = await clientOf(keyturn).register();
    const keys = createLocalJWKSet(await jwksOf(await fetched(JWKS)));
    const { payload, protectedHeader } = await jwtVerify(ann.accessToken, keys, {
      issuer: keyturn.issuer,
      audience: keyturn.issuer,
      typ: 'at+jwt',
      algorithms: ['RS256'],
      currentDate: keyturn.clock.now(),
    });
    expect(payload.sub).toBe(ann.userId);
    expect(protectedHeader).toEqual(partOf(ann.accessToken, 0));
  });

  test('the ETag stays while the keys do, and spares the body', async () => {
    const first = await fetched(JWKS);
    const etag = first.headers.get('etag') ?? '';
    expect((await fetched(JWKS)).headers.get('etag')).toBe(etag);
    for (const match of [etag, `"other", ${etag}`, `W/${etag}`, '*']) {
      const response = await fetched(JWKS, { headers: { 'If-None-Match': match } });
      expect(response.status).toBe(304);
      expect(await response.text()).toBe('');
      expect(headersOf(response)).toMatchObject({
        ...OPEN,
        etag,
        'cache-control': 'public, max-age=300',
      });
      expect(headersOf(response)).not.toHaveProperty('content-type');
    }
    for (const match of ['"other"', etag.slice(1, -1), '""', etag.toLowerCase()]) {
      const response = await fetched(JWKS, { headers: { 'If-None-Match': match } });
      expect(response.status).toBe(200);
      expect(await response.text()).toBe(await (await fetched(JWKS)).text());
    }
  });

  test.each([JWKS, OPENID, OAUTH, '/healthz'])('HEAD %s tells what GET would', async (path) => {
    const lasting = (response: Response) => {
      const {
        date,
        'x-request-id': id,
        connection,
        'keep-alive': time,
        ...rest
      } = headersOf(response);
      return rest;
    };
    const get = await fetched(path);
    const head = await fetched(path, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    expect(lasting(head)).toEqual(lasting(get));
    expect(head.headers.get('content-length')).toBe(String((await get.text()).length));
  });

  test.each([JWKS, OPENID, OAUTH])('%s is open to every origin, without cookies', async (path) => {
    for (const origin of ['https://anywhere.example', APP_ORIGIN, 'null']) {
      const response = await fetched(path, { headers: { Origin: origin } });
      expect(headersOf(response)).toMatchObject(OPEN);
      const preflight = await fetched(path, {
        method: 'OPTIONS',
        headers: { Origin: origin, 'Access-Control-Request-Method': 'GET' },
      });
      expect(preflight.status).toBe(204);
      expect(headersOf(preflight)).toMatchObject({
        ...OPEN,
        'access-control-allow-methods': 'GET, HEAD',
      });
      for (const { headers } of [response, preflight]) {
        expect(headers.has('access-control-allow-credentials')).toBe(false);
      }
    }
  });

  test.each([JWKS, OPENID, OAUTH])('%s is only read', async (path) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const response = await fetched(path, { method });
      const headers = headersOf(response);
      expect(headers.allow).toBe('GET, HEAD, OPTIONS');
      const answer = { status: response.status, headers, body: await response.json() };
      expectProblem(answer, 405, 'method_not_allowed');
    }
  });

  test('a query is passed over, another path is not there', async () => {
    expect((await fetched(`${JWKS}?x=1`)).status).toBe(200);
    for (const path of [`${JWKS}/`, '/.well-known/JWKS.json', '/.well-known/', '/jwks.json']) {
      expect((await fetched(path)).status).toBe(404);
    }
  });

  test('the metadata says what is served and no more', async () => {
    const common = {
      issuer: keyturn.issuer,
      jwks_uri: `${keyturn.issuer}${JWKS}`,
      response_types_supported: [],
      grant_types_supported: [],
    };
    const oauth = await fetched(OAUTH);
    const openid = await fetched(OPENID);
    for (const response of [oauth, openid]) {
      expect(response.status).toBe(200);
      expect(headersOf(response)).toMatchObject({ ...OPEN, 'content-type': 'application/json' });
    }
    expect(await oauth.json()).toEqual(common);
    expect(await openid.json()).toEqual({
      ...common,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    });
  });

  test('neither follows the Host header', async () => {
    const client = clientOf(keyturn);
    for (const headers of [{ Host: 'evil.example' }, { 'X-Forwarded-Host': 'evil.example' }]) {
      const { body } = await client.get(OPENID, headers);
      expect(body.jwks_uri).toBe(`${keyturn.issuer}${JWKS}`);
    }
  });
});

// The database has no say in this: one will do.
describe.each(DRIVERS.slice(0, 1))('JWKS_MAX_AGE and KEY_BITS on $name', (driver) => {
  test('are obeyed', async () => {
    const env = { JWKS_MAX_AGE: '0s', KEY_BITS: '3072' };
    const keyturn = await startKeyturn(driver, { env });
    try {
      const response = await fetch(keyturn.url + JWKS);
      expect(response.headers.get('cache-control')).toBe('public, max-age=0');
      const { keys } = (await response.json()) as JSONWebKeySet;
      expect(keys.map(({ n }) => Buffer.from(n ?? '', 'base64url').length)).toEqual([384, 384]);
    } finally {
      await keyturn.close();
    }
  });
});
