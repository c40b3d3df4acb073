import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchBrowser, startSite } from '../support/browser.ts';
import { clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import { appOn, signIn } from '../support/todo-app.ts';
import { todosOf } from '../support/todo-client.ts';

/** What a form waits for its turn, and for its answer, in seconds. */
const PATIENCE = 20;

describe('the forms of the hosted pages, beside other tabs', () => {
  let browser: Browser;
  let site: TestKeyturn;
  let context: BrowserContext;
  let page: Page;
  let sent: string[];
  beforeAll(async () => {
    // The strictest cookie: a link from another site brings nothing along.
    const env = { RATE_LIMIT: 'off', COOKIE_SAMESITE: 'strict' };
    [browser, site] = await Promise.all([
      launchBrowser(),
      startSite(DRIVERS[1] as TestDriver, { env }),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
  beforeEach(async () => {
    context = await browser.newContext();
    await context.clock.install();
    page = await context.newPage();
    sent = [];
    context.on('request', (request) => {
      if (request.method() === 'POST') sent.push(new URL(request.url()).pathname);
    });
    return () => context.close();
  });

  /** From here on only `seconds` passes, however slow the machine is. */
  const stopTheClock = () => context.clock.pauseAt(Date.now() + 60_000);
  const seconds = (count: number) => context.clock.fastForward(count * 1000);
  const busy = () => page.evaluate("document.documentElement.classList.contains('busy')");

  async function ask(): Promise<void> {
    await page.goto(`${site.issuer}/forgot-password`);
    await page.getByLabel('Email address').fill(freshEmail());
    await page.getByRole('button', { name: 'Mail me a link' }).click();
  }

  /** Another tab, which asks for the lock that every call with the cookie takes, and keeps it. */
  async function openRival(): Promise<Page> {
    const rival = await context.newPage();
    await rival.goto(`${site.issuer}/login`);
    await rival.evaluate(`void navigator.locks.request('keyturn:' + location.origin, () => {
      globalThis.held = true;
      return new Promise(() => {});
    })`);
    return rival;
  }

  test('a form waits for its turn, but not for ever', async () => {
    await stopTheClock();
    const rival = await openRival();
    await rival.waitForFunction('globalThis.held');
    await ask();
    await page.waitForFunction(
      'navigator.locks.query().then(({ pending }) => pending.length === 1)',
    );
    await seconds(PATIENCE - 1);
    expect([sent, await busy()]).toEqual([[], true]);
    await seconds(1);
    await page.waitForURL('**/forgot-password?done');
    expect(sent).toEqual(['/forgot-password']);
  });

  test('a form that leads nowhere lets the others go on, and can be sent again', async () => {
    await stopTheClock();
    await page.route('**/forgot-password', (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 204 }) : route.continue(),
    );
    const answered = page.waitForResponse((answer) => answer.status() === 204);
    await ask();
    await answered;
    const rival = await openRival();
    await seconds(PATIENCE - 1);
    expect([await busy(), await rival.evaluate('globalThis.held')]).toEqual([true, undefined]);
    await seconds(1);
    await rival.waitForFunction('globalThis.held');
    expect(await busy()).toBe(false);
    await rival.close();
    await page.unroute('**/forgot-password');
    await page.getByRole('button', { name: 'Mail me a link' }).click();
    await page.waitForURL('**/forgot-password?done');
    expect(sent).toEqual(['/forgot-password', '/forgot-password']);
  });

  test('who logs in over somebody else has every tab, and none of the other’s todos', async () => {
    await signIn(context, site);
    const app = appOn(await context.newPage());
    await app.open(site);
    await app.add('Of somebody else');
    const bob = await clientOf(site).register();
    await page.goto(`${site.issuer}/login`);
    await page.getByText('You are logged in as').waitFor();
    await page.getByLabel('Email address').fill(bob.email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL('**/account');
    await app.page.getByText('Nothing here yet').waitFor();
    expect(await app.titles()).toEqual([]);
    await app.add('Of Bob');
    const { body } = await todosOf(clientOf(site), bob.accessToken).list();
    expect(body.todos).toMatchObject([{ title: 'Of Bob' }]);
  });

  test('a link from elsewhere that says one is logged out logs out no tab', async () => {
    await signIn(context, site);
    const app = appOn(await context.newPage());
    await app.open(site);
    for (const query of ['reason=signed_out', 'reason=password_reset', 'done=signed_out']) {
      const link = `<title>Elsewhere</title><a href="${site.issuer}/login?${query}">Look</a>`;
      await page.route('http://elsewhere.example/', (route) =>
        route.fulfill({ contentType: 'text/html', body: link }),
      );
      await page.goto('http://elsewhere.example/');
      await page.getByRole('link').click();
      await page.waitForURL(`**/login?${query}`);
      await page.waitForLoadState('networkidle');
      // It does not know who has come.
      expect(await page.getByText('You are logged in as').count()).toBe(0);
      await app.add(`Still here, ${query}`);
    }
    expect(app.page.url()).toBe(`${site.issuer}/app`);
    // Whereas a form that did it says so.
    await page.goto(`${site.issuer}/account`);
    await page.getByRole('button', { name: /^log out$/i }).click();
    await page.getByText('You are logged out.').waitFor();
    await app.page.waitForURL(/\/login\?/);
  });
});
