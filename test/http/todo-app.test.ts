import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { ISSUER, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

describe.each(DRIVERS)('the page of the todo app on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn?.close());

  test('is not kept by browsers, runs its own scripts only, and names the issuer', async () => {
    const { status, headers, text } = await client.get('/app', { Host: 'localhost:3000' });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    const policy = headers['content-security-policy'];
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(text).toContain(`data-issuer="${ISSUER}"`);
    expect(text).not.toMatch(/[{}]|undefined/);
    expect(text).not.toMatch(/<script(?! type="module" src=)|\son\w+=|\sstyle=/);
  });

  test('names static files that are there, to be kept for good', async () => {
    const { text } = await client.get('/app', { Host: 'localhost:3000' });
    const paths = [...text.matchAll(/"((?:\/app)?\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(9);
    expect(paths.join()).toMatch(/\/assets\/theme-.*\/app\/assets\/app-/);
    for (const path of paths) {
      const { status, headers } = await client.get(path);
      expect(status, path).toBe(200);
      expect(headers['cache-control'], path).toContain('immutable');
    }
    expect((await client.get('/app/assets/app.js')).status).toBe(404);
  });

  test('is opened under the name of the issuer', async () => {
    const { status, headers } = await client.get('/app?x=1', { Host: '127.0.0.1:3000' });
    expect(status).toBe(307);
    expect(headers.location).toBe(`${ISSUER}/app?x=1`);
  });

  test('is not there where it is switched off', async () => {
    const without = await startKeyturn(driver, { env: { TODO_APP: 'off' } });
    expect((await clientOf(without).get('/app', { Host: 'localhost:3000' })).status).toBe(404);
    await without.close();
  });
});
