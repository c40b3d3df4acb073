import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Duration, seconds } from '../../src/kit/duration.ts';
import { launchBrowser, startSite } from '../support/browser.ts';
import { bearer, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import { appOn, signIn } from '../support/todo-app.ts';

const DAY = 24 * 3600;
const QUARTER = 16 * 60;

type App = ReturnType<typeof appOn>;

describe('a session that ends while pages are open', () => {
  let browser: Browser;
  let site: TestKeyturn;
  let context: BrowserContext;
  let ada: SignedIn;
  let tabs: readonly App[];
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
    context = await browser.newContext();
    await context.clock.install();
    ada = await signIn(context, site);
    tabs = [appOn(await context.newPage()), appOn(await context.newPage())];
    for (const app of tabs) await app.open(site);
    return () => context.close();
  });

  /** All pages are on the login page, which says why, and leads back. */
  async function expectLogin(reason: string, words: RegExp): Promise<void> {
    for (const { page } of tabs) {
      await page.waitForURL(/\/login\?/);
      const query = Object.fromEntries(new URL(page.url()).searchParams);
      expect(query).toEqual({ reason, return_to: `${site.issuer}/app` });
      await page.getByText(words).first().waitFor();
    }
  }

  /** Lets time pass, in pages and at the server. */
  async function pass(time: Duration): Promise<void> {
    site.clock.advance(time);
    await context.clock.fastForward(time);
  }

  test('is renewed while it does not', async () => {
    await pass(seconds(QUARTER));
    for (const app of tabs) {
      await app.add('Still here');
      expect(app.page.url()).toBe(`${site.issuer}/app`);
    }
  });

  test('by being logged out in one tab: in all of them', async () => {
    await tabs[0]?.button('Log out').click();
    await expectLogin('signed_out', /logged out/);
    expect(await context.cookies()).toEqual([]);
  });

  test('by being logged out on the hosted pages', async () => {
    const account = await context.newPage();
    await account.goto(`${site.issuer}/login?reason=signed_out`);
    await account.getByText('You are logged in as').waitFor();
    await account.goto(`${site.issuer}/account`);
    for (const app of tabs) expect(app.page.url()).toBe(`${site.issuer}/app`);
    await account.getByRole('button', { name: /^log out$/i }).click();
    await expectLogin('signed_out', /logged out/);
  });

  test('by having not been used for too long', async () => {
    await pass(seconds(8 * DAY));
    await expectLogin('expired', /away for a while/);
  });

  test('by being ended elsewhere', async () => {
    const all = await clientOf(site).post('/api/auth/logout-all', {}, bearer(ada.accessToken));
    expect(all.status).toBe(204);
    await pass(seconds(QUARTER));
    await expectLogin('session_ended', /was ended/);
  });

  test('by its refresh token being used by a thief', async () => {
    const [cookie] = await context.cookies();
    const thief = clientOf(site);
    const first = await thief.refresh(cookie?.value ?? '');
    await thief.refresh(first.body.refresh_token);
    await pass(seconds(QUARTER));
    await expectLogin('stolen', /a copy of your session/);
  });
});
