import type { Browser, BrowserContext, Request } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { bearer, clientOf, PASSWORD } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { freePort } from '../support/free-port.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { appOn, type SiteUrl, signIn } from '../support/todo-app.ts';
import { rows } from '../support/verifiers/key-store.ts';

const TEN = Array.from({ length: 10 });

/** Real servers and a real clock: tokens that live for four seconds. */
describe('tabs of one browser', () => {
  let browser: Browser;
  let place: Site;
  let server: ServerProcess;
  let site: SiteUrl;
  let context: BrowserContext;
  let refreshes: Request[];
  beforeAll(async () => {
    const storage = { url: (await createTestDatabase()).url, dataDir: await newDirectory() };
    // Tabs that ask at once may be heard so far apart on a busy machine, and renew at 4 s.
    const short = { ACCESS_TOKEN_TTL: '5s', REFRESH_REPLAY_WINDOW: '3s', SELF_CHECK: 'off' };
    const port = String(await freePort());
    place = await siteOn(storage, { ISSUER_URL: undefined, PORT: port, ...short });
    [browser, server] = await Promise.all([
      launchBrowser(),
      startServer(place).then((started) => started.ready()),
    ]);
    site = { url: server.url, issuer: server.url.replace('127.0.0.1', 'localhost') };
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    context = await browser.newContext();
    refreshes = [];
    context.on('request', (request) => {
      if (request.url().endsWith('/api/auth/refresh')) refreshes.push(request);
    });
    return () => context.close();
  });

  const openTabs = (count: unknown[]) =>
    Promise.all(
      count.map(async () => {
        const app = appOn(await context.newPage());
        await app.open(site);
        return app;
      }),
    );

  /** How many sessions the user has; one more is that of the registration. */
  async function sessions(): Promise<number> {
    const headers = { Origin: site.issuer };
    const refreshed = await context.request.post(`${site.issuer}/api/auth/refresh`, {
      headers,
      data: {},
    });
    const { access_token } = await refreshed.json();
    const answer = await clientOf(site).get('/api/auth/sessions', bearer(access_token));
    return answer.body.sessions.length;
  }

  /** How often tokens were rotated; while one is young the same comes again. */
  const rotations = async (): Promise<number> => {
    const text = 'select sum(generation - 1)::int as count from sessions';
    return (await rows<{ count: number }>(String(place.env.DATABASE_URL), text))[0]?.count ?? 0;
  };
  const untilRotated = async (times: number) => {
    const before = await rotations();
    await vi.waitUntil(async () => (await rotations()) >= before + times, WAIT);
  };

  test('ten, open over several expiries: nobody is logged out, one session', async () => {
    await signIn(context, site);
    const tabs = await openTabs(TEN);
    const before = refreshes.length;
    await untilRotated(3);
    expect(refreshes.length).toBeGreaterThanOrEqual(before + 3);
    const statuses = await Promise.all(
      refreshes.map(async (request) => (await request.response())?.status()),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    for (const [i, app] of tabs.entries()) await app.add(`Todo ${i}`);
    await vi.waitUntil(async () => (await tabs[0]?.rows.count()) === 10, WAIT);
    for (const { page } of tabs) expect(page.url()).toBe(`${site.issuer}/app`);
    expect(await sessions()).toBe(2);
  });

  test('two, in a browser without Web Locks, that always refresh at once: the same', async () => {
    await context.addInitScript('delete Navigator.prototype.locks');
    await signIn(context, site);
    let waiting: (() => void)[] = [];
    // Nobody is served before the other one asks.
    await context.route('**/api/auth/refresh', async (route) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length < 2) return;
        for (const goOn of waiting) goOn();
        waiting = [];
      });
      await route.continue().catch(() => {});
    });
    const tabs = await openTabs([1, 2]);
    expect(await tabs[0]?.page.evaluate('"locks" in navigator')).toBe(false);
    await untilRotated(2);
    await vi.waitUntil(() => refreshes.length >= 6, WAIT);
    await context.unrouteAll({ behavior: 'ignoreErrors' });
    for (const goOn of waiting) goOn();
    const statuses = await Promise.all(
      refreshes.slice(0, 6).map(async (request) => (await request.response())?.status()),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    for (const [i, app] of tabs.entries()) await app.add(`Todo ${i}`);
    for (const { page } of tabs) expect(page.url()).toBe(`${site.issuer}/app`);
    expect(await sessions()).toBe(2);
  });

  test('ten, loaded at once over a slow network: nobody is logged out, one session', async () => {
    await signIn(context, site);
    const pages = await Promise.all(TEN.map(() => context.newPage()));
    for (const page of pages) {
      const session = await context.newCDPSession(page);
      const slow = { latency: 300, downloadThroughput: 100_000, uploadThroughput: 50_000 };
      await session.send('Network.enable');
      await session.send('Network.emulateNetworkConditions', { offline: false, ...slow });
    }
    await Promise.all(pages.map((page) => appOn(page).open(site)));
    expect(refreshes.length).toBeLessThanOrEqual(10);
    expect(await sessions()).toBe(2);
  });

  test('a login on the hosted page waits for a refresh that is under way elsewhere', async () => {
    const { email } = await signIn(context, site);
    const [app] = await openTabs([1]);
    let answered = () => {};
    let goOn = () => {};
    const answering = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const late = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    // The server has rotated the token; its answer, with the cookie of the session so far, is late.
    await app?.page.route('**/api/auth/refresh', async (route) => {
      const response = await route.fetch();
      answered();
      await late;
      await route.fulfill({ response });
    });
    await answering;
    const page = await context.newPage();
    await page.goto(`${site.issuer}/login`);
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    const waits = 'navigator.locks.query().then(({ pending }) => pending.length > 0)';
    await page.waitForFunction(waits, undefined, WAIT);
    goOn();
    await page.waitForURL('**/account');
    await page.goto(`${site.issuer}/account`);
    await page.getByRole('heading', { name: 'Hello' }).waitFor();
    // Its own session ended with the login; the tab goes on with the new one.
    await app?.add('Still here');
    expect(app?.page.url()).toBe(`${site.issuer}/app`);
  });

  test('stay through a server that is killed and started again', async () => {
    await signIn(context, site);
    const tabs = await openTabs([1, 2, 3]);
    await server.stop('SIGKILL');
    const failed: Request[] = [];
    context.on('requestfailed', (request) => failed.push(request));
    // Their tokens expire meanwhile.
    await vi.waitUntil(() => failed.length >= 3, WAIT);
    await tabs[0]?.field.fill('Too early');
    await tabs[0]?.field.press('Enter');
    await tabs[0]?.alert.getByText('“Too early” did not get through').waitFor();
    // Tabs that ask while it starts are told when to come back, and do.
    const renewed = context.waitForEvent('response', {
      predicate: (answer) => answer.url().endsWith('/api/auth/refresh') && answer.ok(),
      ...WAIT,
    });
    server = await (await startServer(place)).ready();
    await renewed;
    for (const [i, app] of tabs.entries()) await app.add(`Todo ${i}`);
    for (const { page } of tabs) expect(page.url()).toBe(`${site.issuer}/app`);
    expect(await sessions()).toBe(2);
  });
});
