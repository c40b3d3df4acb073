import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stripTypes } from '../../src/http/strip-types.ts';
import { launchBrowser, startSite } from '../support/browser.ts';
import { freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';

const CLIENT = join(import.meta.dirname, '../../src/client');

/** Somebody's own page on another origin: `?issuer` says where Keyturn is. */
const PAGE = `<!doctype html><title>Elsewhere</title><script type="module">
import { createKeyturn } from './keyturn.ts';
const issuer = new URLSearchParams(location.search).get('issuer');
globalThis.reasons = [];
globalThis.keyturn = createKeyturn({ issuer, onSignedOut: (reason) => reasons.push(reason) });
globalThis.issuer = issuer;
globalThis.outcome = (promise) =>
  promise.then((value) => ({ value }), ({ code, status, fields }) => ({ code, status, fields }));
</script>`;

async function servePage(): Promise<Server> {
  const server = createServer(async ({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost');
    if (!pathname.endsWith('.ts')) {
      return response.setHeader('Content-Type', 'text/html').end(PAGE);
    }
    const code = stripTypes(await readFile(join(CLIENT, pathname), 'utf8'));
    return response.setHeader('Content-Type', 'text/javascript').end(code);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const originOf = (server: Server): string =>
  `http://localhost:${(server.address() as AddressInfo).port}`;

describe('a page on another origin of the same site', () => {
  let browser: Browser;
  let allowed: Server;
  let foreign: Server;
  let site: TestKeyturn;
  let page: Page;
  beforeAll(async () => {
    [allowed, foreign, browser] = await Promise.all([servePage(), servePage(), launchBrowser()]);
    const env = { ALLOWED_ORIGINS: originOf(allowed), RATE_LIMIT: 'off' };
    site = await startSite(DRIVERS[1] as TestDriver, { env });
  });
  afterAll(async () => {
    await browser?.close();
    allowed?.close();
    foreign?.close();
    await site?.close();
  });
  beforeEach(async () => {
    const context = await browser.newContext();
    page = await context.newPage();
    return () => context.close();
  });
  const open = (server: Server) => page.goto(`${originOf(server)}/?issuer=${site.issuer}`);
  const call = (code: string) => page.evaluate(`outcome(${code})`);
  const account = () => ({ email: freshEmail(), password: PASSWORD, name: 'Ada' });

  test('registers, calls services, is remembered, and logs out, where it is allowed', async () => {
    await open(allowed);
    expect(await call('keyturn.ready')).toEqual({ value: null });
    const who = account();
    const user = { email: who.email, email_verified: false, name: 'Ada' };
    expect(await call(`keyturn.register(${JSON.stringify(who)})`)).toMatchObject({ value: user });
    const create = `keyturn.fetch(issuer + '/api/users/me/todos', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"title":"x"}',
    }).then(({ status, headers }) => [status, headers.get('ETag')])`;
    expect(await call(create)).toEqual({ value: [201, '"1"'] });
    await page.reload();
    expect(await call('keyturn.ready')).toMatchObject({ value: user });
    const kept = '[{ ...localStorage }, { ...sessionStorage }, document.cookie]';
    expect(await page.evaluate(kept)).toEqual([{}, {}, '']);
    expect(await call('keyturn.logout()')).toEqual({ value: undefined });
    expect(await page.evaluate('keyturn.user')).toBeNull();
    expect(await page.evaluate('reasons')).toEqual(['signed_out']);
    await page.reload();
    expect(await call('keyturn.ready')).toEqual({ value: null });
    await expect(call('keyturn.getAccessToken()')).resolves.toMatchObject({ status: 401 });
  });

  test('is told what is wrong with what was typed', async () => {
    await open(allowed);
    const weak = { ...account(), password: 'short', name: '' };
    expect(await call(`keyturn.register(${JSON.stringify(weak)})`)).toMatchObject({
      code: 'invalid_request',
      status: 400,
      fields: [{ path: 'name' }],
    });
    const wrong = JSON.stringify({ email: freshEmail(), password: PASSWORD });
    expect(await call(`keyturn.login(${wrong})`)).toMatchObject({ code: 'invalid_credentials' });
  });

  test('goes to log in on the hosted pages, and comes back', async () => {
    await open(allowed);
    const who = account();
    await call(`keyturn.register(${JSON.stringify(who)})`);
    await call('keyturn.logout()');
    const here = page.url();
    await page.evaluate('keyturn.goToLogin("session_ended")');
    await page.waitForURL(`${site.issuer}/login?**`);
    await page.getByLabel('Email').fill(who.email);
    await page.locator('input[type=password]').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.waitForURL(here);
    expect(await call('keyturn.ready')).toMatchObject({ value: { email: who.email } });
  });

  test('goes to its own page to log in, where it has one', async () => {
    await open(allowed);
    await page.evaluate(`import('/keyturn.ts').then(({ createKeyturn }) =>
      createKeyturn({ issuer, loginUrl: '/enter' }).goToLogin('expired'))`);
    await page.waitForURL(`${originOf(allowed)}/enter?reason=expired&return_to=*`);
  });

  test('gets nothing where it is not allowed', async () => {
    await open(foreign);
    const who = account();
    const registered = await call(`keyturn.register(${JSON.stringify(who)})`);
    expect(registered).toMatchObject({ code: 'network_error', status: 0 });
    expect(await page.evaluate('keyturn.user')).toBeUndefined();
    expect(await page.context().cookies()).toEqual([]);
    const rows = await site.sql('SELECT 1 FROM users WHERE email = $1', [who.email]);
    expect(rows).toEqual([]);
    // Nor is it led back to.
    await page.evaluate('keyturn.goToLogin()');
    await page.waitForURL(`${site.issuer}/login?**`);
    expect(await page.content()).not.toContain(originOf(foreign));
  });
});
