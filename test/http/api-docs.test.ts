import { get as request } from 'node:http';
import { brotliDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { type Received, send } from '../support/openapi.ts';

const ISSUER = 'https://id.example.com';

// What is served is made of nothing that is in a database.
describe('the description of the API', () => {
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    const [driver] = DRIVERS as [TestDriver, TestDriver];
    keyturn = await startKeyturn(driver, { env: { ISSUER_URL: ISSUER } });
  });
  afterAll(() => keyturn.close());

  const get = (path: string, headers: Record<string, string> = {}): Promise<Received> =>
    send(keyturn.url, 'GET', path, { headers });

  test('may be kept and read by every origin', async () => {
    const origin = { Origin: 'https://anywhere.example' };
    const { status, headers, body } = await get('/openapi.json', origin);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=300',
      'access-control-allow-origin': '*',
      etag: expect.stringMatching(/^"[\w-]{20,}"$/),
    });
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
    const known = await get('/openapi.json', { 'If-None-Match': String(headers.etag) });
    expect({ status: known.status, body: known.body }).toEqual({ status: 304, body: '' });
    expect(body.servers).toEqual([{ url: ISSUER }]);
    expect(body.components.securitySchemes.refreshCookie.name).toBe('__Host-keyturn_refresh');
  });

  test('is shown by a page that runs nothing inline and nothing from elsewhere', async () => {
    const { status, headers, body } = await get('/docs');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; /);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(body).not.toMatch(/<script(?![^>]* src=")|<style|style=|\{[\w.-]+\}|https?:/);
  });

  test('has its files once and for all, packed for those who can read that', async () => {
    const { body: page } = await get('/docs');
    const paths = [...page.matchAll(/(?:href|src)="(\/docs\/[^"]+)"/g)].map(([, path]) => path);
    expect(paths).toHaveLength(4);
    for (const path of paths) {
      const { status, headers, body } = await get(path);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': expect.stringMatching(/^text\/(?:css|javascript); charset=utf-8$/),
        'cache-control': 'public, max-age=31536000, immutable',
        vary: expect.stringContaining('Accept-Encoding'),
      });
      expect(headers).not.toHaveProperty('content-encoding');
      const packed = await fetchRaw(path);
      expect(packed.encoding).toBe('br');
      expect(packed.bytes.length).toBeLessThan(Buffer.byteLength(body) + 50);
      expect(brotliDecompressSync(packed.bytes).toString()).toBe(body);
    }
    expect((await get(`${paths[0]}x`)).status).toBe(404);
  });

  async function fetchRaw(path: string): Promise<{ encoding: string | null; bytes: Buffer }> {
    return new Promise((resolve, reject) => {
      request(keyturn.url + path, { headers: { 'Accept-Encoding': 'br' } }, async (res) => {
        const bytes = Buffer.concat(await res.toArray());
        resolve({ encoding: res.headers['content-encoding'] ?? null, bytes });
      }).on('error', reject);
    });
  }
});

describe('the description of a resource server alone', () => {
  test('is of its own calls, wherever they are, and nobody is sent to the issuer', async () => {
    const [driver] = DRIVERS as [TestDriver, TestDriver];
    const issuer = await startKeyturn(driver, { role: 'issuer' });
    const env = { JWKS_URI: `${issuer.url}/.well-known/jwks.json` };
    const alone = await startKeyturn(driver, { env, role: 'resource-server' });
    const { body } = await send(alone.url, 'GET', '/openapi.json', {});
    expect(body.servers).toEqual([{ url: '/' }]);
    expect(Object.keys(body.paths)).not.toContain('/api/auth/login');
    expect(Object.keys(body.components.securitySchemes)).toEqual(['bearer']);
    expect((await send(alone.url, 'GET', '/docs', {})).status).toBe(200);
    // Called by another name than its own, the issuer sends browsers there.
    expect((await send(issuer.url, 'GET', '/docs', {})).status).toBe(307);
    await alone.close();
    await issuer.close();
  });
});
