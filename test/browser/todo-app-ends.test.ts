import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { launchBrowser, startSite } from '../support/browser.ts';
import { clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import { WAIT } from '../support/server-process.ts';
import { appOn, signIn } from '../support/todo-app.ts';
import { todosOf } from '../support/todo-client.ts';

/** Browsers that keep tabs from knowing of each other. */
const ALONE = `delete globalThis.BroadcastChannel;
  LockManager.prototype.request = async () => { throw new DOMException('', 'SecurityError'); };`;

describe('the todo app', () => {
  let browser: Browser;
  let site: TestKeyturn;
  let page: Page;
  let ada: SignedIn;
  beforeAll(async () => {
    [browser, site] = await Promise.all([
      launchBrowser(),
      startSite(DRIVERS[0] as TestDriver, { env: { RATE_LIMIT: 'off' } }),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
  beforeEach(async () => {
    const context = await browser.newContext();
    ada = await signIn(context, site);
    page = await context.newPage();
    return () => context.close();
  });
  const stored = async () =>
    (await todosOf(clientOf(site), ada.accessToken).list()).body.todos.map(
      ({ title }: { title: string }) => title,
    );

  test('deletes what was deleted when somebody logs out before it is too late to undo', async () => {
    const app = appOn(page);
    await app.open(site);
    await app.add('Buy milk');
    await app.button('Delete “Buy milk”').click();
    await app.button('Log out').click();
    await page.waitForURL('**/login?**');
    expect(await stored()).toEqual([]);
  });

  test('logs out though nothing is heard of what was asked for before', async () => {
    const app = appOn(page);
    await app.open(site);
    await app.add('Buy milk');
    // Never answered.
    await page.route('**/todos/*', () => {});
    await app.box('Buy milk').check();
    await app.button('Log out').click();
    await page.waitForURL('**/login?**');
  });

  test('says that logging out failed, and blames no connection that is there', async () => {
    const app = appOn(page);
    await app.open(site);
    await page.route('**/api/auth/logout', (route) =>
      route.fulfill({ status: 503, json: { code: 'unavailable', status: 503 } }),
    );
    await app.button('Log out').click();
    const text = 'You are still logged in: logging out did not get through. Try again in a moment.';
    await app.alert.getByText(text, { exact: true }).waitFor();
  });

  test('works where tabs are kept from knowing of each other, and so do the pages', async () => {
    await page.addInitScript(ALONE);
    const app = appOn(page);
    await app.open(site);
    await app.add('Buy milk');
    await app.box('Buy milk').check();
    await vi.waitUntil(async () => (await stored()).includes('Buy milk'), WAIT);
    await page.goto(`${site.issuer}/account`);
    // Scripts have told the times, and a form is sent.
    await page.locator('time[title]').first().waitFor();
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await page.getByText('You are logged out.').waitFor();
  });
});
