import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { milliseconds } from '../../src/kit/duration.ts';
import { newUuid } from '../../src/kit/id.ts';
import { violationsOf } from '../support/axe.ts';
import { launchBrowser, openPage, startSite, type WatchedPage } from '../support/browser.ts';
import { clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import { WAIT } from '../support/server-process.ts';
import { appOn, signIn } from '../support/todo-app.ts';
import { todosOf } from '../support/todo-client.ts';

// What it calls is tried on both databases; one is enough to look at it.
describe('the todo app', () => {
  let browser: Browser;
  let site: TestKeyturn;
  let watched: WatchedPage;
  let app: ReturnType<typeof appOn>;
  let ada: SignedIn;
  let offline = false;
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
  const setOffline = (away: boolean) => {
    offline = true;
    return app.page.context().setOffline(away);
  };
  beforeEach(async () => {
    offline = false;
    watched = await openPage(browser);
    const context = watched.page.context();
    ada = await signIn(context, site);
    app = appOn(watched.page);
    return async () => {
      await context.close();
      // A page that is left while it comes to be has no transition to it.
      const left = 'InvalidStateError: Transition was aborted';
      const said = offline ? 'Failed to load resource: net::ERR_INTERNET_DISCONNECTED' : left;
      const complaints = watched.complaints.filter(
        (text) => !text.startsWith(left) && !text.startsWith(said),
      );
      expect(complaints).toEqual([]);
    };
  });
  const stored = () => todosOf(clientOf(site), ada.accessToken);
  /** Todos are in the order of time, which stands still but for this. */
  const add = async (title: string) => {
    site.clock.advance(milliseconds(1));
    await app.add(title);
  };
  const storedTitles = async () => {
    const { body } = await stored().list();
    return body.todos.map(({ title }: { title: string }) => title);
  };

  test('adds, ticks, edits, filters and deletes, and all of it stays', async () => {
    await app.open(site);
    for (const title of ['Buy milk', 'Call Bob', '<b>Bold</b>']) await add(title);
    expect(await app.titles()).toEqual(['<b>Bold</b>', 'Call Bob', 'Buy milk']);

    await app.box('Call Bob').check();
    await app.button('Open').click();
    expect(await app.titles()).toEqual(['<b>Bold</b>', 'Buy milk']);
    await app.button('Done').click();
    expect(await app.titles()).toEqual(['Call Bob']);
    await app.button('All').click();

    await app.button('Edit “Buy milk”').click();
    await app.row('Buy milk').getByLabel('Title').fill('Buy oat milk');
    await app.page.keyboard.press('Enter');
    await app.button('Edit “Call Bob”').click();
    await app.row('Call Bob').getByLabel('Title').fill('never mind');
    await app.page.keyboard.press('Escape');

    await app.button('Delete “<b>Bold</b>”').click();
    await app.button('Undo').click();
    expect(await app.titles()).toEqual(['<b>Bold</b>', 'Call Bob', 'Buy oat milk']);
    await app.button('Delete “<b>Bold</b>”').click();

    await vi.waitUntil(async () => (await storedTitles()).includes('Buy oat milk'), WAIT);
    await app.open(site);
    await vi.waitUntil(async () => (await storedTitles()).length === 2, WAIT);
    expect(await app.titles()).toEqual(['Call Bob', 'Buy oat milk']);
    expect(await app.box('Call Bob').isChecked()).toBe(true);
  });

  test('shows in every tab what one has done', async () => {
    await app.open(site);
    const other = appOn(await app.page.context().newPage());
    await other.open(site);
    await add('Buy milk');
    await other.box('Buy milk').check();
    await app.page.locator('#todos :checked').waitFor();
    await app.button('Edit “Buy milk”').click();
    await app.row('Buy milk').getByLabel('Title').fill('Buy bread');
    await app.page.keyboard.press('Enter');
    await other.box('Buy bread').waitFor();
    await other.button('Delete “Buy bread”').click();
    await other.page.close({ runBeforeUnload: true });
    await app.rows.waitFor({ state: 'detached' });
    // A tab that closes tells the others at once, and the server while it goes.
    await vi.waitUntil(async () => (await storedTitles()).length === 0, WAIT);
  });

  test('takes back what did not get through, and says so', async () => {
    await app.open(site);
    await add('Buy milk');
    await setOffline(true);
    await app.box('Buy milk').click();
    await app.alert.getByText('“Buy milk” did not get through: there is no connection').waitFor();
    expect(await app.box('Buy milk').isChecked()).toBe(false);
    await app.field.fill('Call Bob');
    await app.field.press('Enter');
    await app.alert.getByText('“Call Bob” did not get through').waitFor();
    expect(await app.titles()).toEqual(['Buy milk']);
    // What was typed is back where it was typed, unless something else has been since.
    expect(await app.field.inputValue()).toBe('Call Bob');
    await app.alert.evaluate((alert) => alert.replaceChildren());
    await app.field.press('Enter');
    await app.field.fill('Call Cem');
    await app.alert.getByText('“Call Bob” did not get through').waitFor();
    expect(await app.field.inputValue()).toBe('Call Cem');
    await app.field.fill('');
    await app.button('Log out').click();
    await app.alert.getByText('You are still logged in').waitFor();
    await setOffline(false);
    await app.box('Buy milk').check();
    await add('Call Bob');
    await vi.waitUntil(async () => (await storedTitles()).length === 2, WAIT);
    expect(await storedTitles()).toEqual(['Call Bob', 'Buy milk']);
  });

  test('what is typed before the program is there stays in its field', async () => {
    const { promise: wanted, resolve: want } = Promise.withResolvers<void>();
    await app.page.route('**/app/assets/*.js', async (route) => {
      await wanted;
      await route.continue();
    });
    await app.page.goto(`${site.issuer}/app`, { waitUntil: 'commit' });
    await app.field.fill('Buy milk');
    await app.field.press('Enter');
    expect(await app.field.inputValue()).toBe('Buy milk');
    want();
    await app.button('Log out').waitFor();
    await app.add('Buy milk');
    expect(await storedTitles()).toEqual(['Buy milk']);
    expect(app.page.url()).toBe(`${site.issuer}/app`);
  });

  test('shows nothing to fill in where nothing can come of it', async () => {
    const { page } = await openPage(browser, { javaScriptEnabled: false });
    await page.goto(`${site.issuer}/app`);
    await page.locator('noscript p').waitFor();
    expect(await page.locator('input:visible, button:visible').count()).toBe(0);
    await page.context().close();
  });

  test('what is typed before Keyturn has said who is there is kept', async () => {
    await todosOf(clientOf(site), ada.accessToken).add('Buy milk');
    site.clock.advance(milliseconds(1));
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    await app.page.route('**/api/auth/refresh', async (route) => {
      await answered;
      await route.continue();
    });
    await app.page.goto(`${site.issuer}/app`);
    await app.field.fill('Call Bob');
    await app.field.press('Enter');
    await app.box('Call Bob').waitFor();
    answer();
    await app.box('Buy milk').waitFor();
    await vi.waitUntil(async () => (await storedTitles()).length === 2, WAIT);
    await app.box('Call Bob').check();
    await add('Call Cem');
    await app.box('Call Cem').waitFor();
    expect(await app.titles()).toEqual(['Call Cem', 'Call Bob', 'Buy milk']);
    expect(await app.box('Call Bob').isChecked()).toBe(true);
  });

  test('a title that is too long is given back whole, and said to be too long', async () => {
    await app.open(site);
    // As long as may be: 200 signs, whatever they take to be stored.
    const longest = '🧺'.repeat(200);
    await add(longest);
    await app.box(longest).waitFor();
    const title = `${'Buy milk '.repeat(55)}and soap`;
    await app.field.focus();
    // As from the clipboard, which is where so much comes from.
    await app.page.keyboard.insertText(title);
    await app.field.press('Enter');
    await app.alert.getByText('…” was refused: it must have at most 200 characters.').waitFor();
    expect((await app.alert.textContent())?.length).toBeLessThan(150);
    expect(await app.field.inputValue()).toBe(title);

    await app.button(`Edit “${longest}”`).click();
    await app.page.keyboard.insertText(title);
    await app.page.keyboard.press('Enter');
    await app.alert.getByText('…” was refused: it must have at most 200 characters.').waitFor();
    expect(await app.row('').getByLabel('Title').inputValue()).toBe(title);
    expect(await storedTitles()).toEqual([longest]);
  });

  test('a title is read from the side that its script begins at', async () => {
    await app.open(site);
    const arabic = 'شراء الحليب (2)';
    for (const title of ['Buy milk', arabic]) await add(title);
    const spanOf = (title: string) => app.row(title).locator('label span');
    const backwards = (element: { matches(selector: string): boolean }) =>
      element.matches(':dir(rtl)');
    expect(await spanOf('Buy milk').evaluate(backwards)).toBe(false);
    expect(await spanOf(arabic).evaluate(backwards)).toBe(true);
    await app.field.fill(arabic);
    expect(await app.field.evaluate(backwards)).toBe(true);
  });

  test('a new title that did not get through is in its field, to be sent again', async () => {
    await app.open(site);
    await add('Buy milk');
    const typed = app.row('').getByLabel('Title');
    await app.button('Edit “Buy milk”').click();
    await setOffline(true);
    await typed.fill('Buy oat milk');
    await app.page.keyboard.press('Enter');
    await app.alert.getByText('“Buy milk” did not get through: there is no connection').waitFor();
    expect(await typed.inputValue()).toBe('Buy oat milk');
    await setOffline(false);
    // A look elsewhere sends nothing.
    await app.field.focus();
    expect(await typed.inputValue()).toBe('Buy oat milk');
    await typed.press('Enter');
    await app.box('Buy oat milk').waitFor();
    await vi.waitUntil(async () => (await storedTitles())[0] === 'Buy oat milk', WAIT);

    await app.button('Edit “Buy oat milk”').click();
    await setOffline(true);
    await typed.fill('Buy soap');
    await app.page.keyboard.press('Enter');
    await app.alert.getByText('“Buy oat milk” did not get through').waitFor();
    await typed.press('Escape');
    expect(await app.titles()).toEqual(['Buy oat milk']);
  });

  test('does not overwrite what was changed elsewhere meanwhile', async () => {
    const { id } = await stored().add('Buy milk');
    await app.open(site);
    for (const [mine, theirs] of [
      ['Buy milk', 'Buy soap'],
      // Its version is known by now.
      ['Buy soap', 'Buy rope'],
    ] as const) {
      await app.button(`Edit “${mine}”`).click();
      await stored().patch(id, { title: theirs });
      await app.row('').getByLabel('Title').fill('Buy hope');
      await app.page.keyboard.press('Enter');
      await app.alert.getByText(`“${theirs}” was saved elsewhere meanwhile`).waitFor();
      expect(await app.row('').getByLabel('Title').inputValue()).toBe('Buy hope');
      await app.page.keyboard.press('Escape');
      expect(await app.titles()).toEqual([theirs]);
      expect(await storedTitles()).toEqual([theirs]);
    }
    await stored().remove(id);
    await app.box('Buy rope').click();
    await app.alert.getByText('“Buy rope” was deleted elsewhere').waitFor();
    expect(await app.titles()).toEqual([]);
  });

  test('what was typed is kept when another tab was quicker, and sent by Enter', async () => {
    await app.open(site);
    const other = appOn(await app.page.context().newPage());
    await other.open(site);
    await add('Buy milk');
    await other.box('Buy milk').waitFor();
    const typed = other.row('').getByLabel('Title');
    await other.button('Edit “Buy milk”').click();
    await typed.fill('Buy oat milk');
    await app.button('Edit “Buy milk”').click();
    await app.row('').getByLabel('Title').fill('Buy soap');
    await app.page.keyboard.press('Enter');
    await other.page.locator('li label', { hasText: 'Buy soap' }).waitFor({ state: 'attached' });

    await other.page.keyboard.press('Enter');
    await other.alert.getByText('“Buy soap” was saved elsewhere').waitFor();
    await other.alert.getByText('Enter replaces it').waitFor();
    // To look elsewhere replaces nothing.
    await other.field.focus();
    expect(await typed.inputValue()).toBe('Buy oat milk');
    expect(await storedTitles()).toEqual(['Buy soap']);
    await typed.press('End');
    await other.page.keyboard.type(' and soap');
    await other.page.keyboard.press('Enter');
    await app.box('Buy oat milk and soap').waitFor();
    expect(await storedTitles()).toEqual(['Buy oat milk and soap']);
    expect(await typed.isVisible()).toBe(false);
  });

  test('works by keyboard alone, and the focus is never lost', async () => {
    await app.open(site);
    const { keyboard } = app.page;
    const focused = () =>
      app.page.evaluate(
        '(({ ariaLabel, id, labels, textContent }) => ' +
          'id || ariaLabel || labels?.[0]?.textContent || textContent)(document.activeElement)',
      );
    const press = async (...keys: string[]) => {
      for (const key of keys) await keyboard.press(key);
      return focused();
    };
    // The brand, the name, Log out, and the field.
    expect(await press('Tab', 'Tab', 'Tab', 'Tab')).toBe('title');
    for (const title of ['one', 'two']) {
      site.clock.advance(milliseconds(1));
      await keyboard.type(title);
      expect(await press('Enter')).toBe('title');
    }
    expect(await press('Tab', 'Tab', 'Tab', 'Tab', 'Tab')).toBe('two');
    await press('Space');
    expect(await app.box('two').isChecked()).toBe(true);
    expect(await press('Tab', 'Enter')).toBe('Title');
    await keyboard.type('three');
    expect(await press('Enter')).toBe('Edit “three”');
    expect(await press('Enter')).toBe('Title');
    expect(await press('Escape')).toBe('Edit “three”');
    expect(await press('Tab')).toBe('Delete “three”');
    expect(await press('Enter')).toBe('one');
    expect(await press('Tab', 'Tab', 'Tab')).toBe('undo');
    expect(await press('Enter')).toBe('todos');
    expect(await app.titles()).toEqual(['three', 'one']);
  });

  test('a long name gives way to the button beside it', async () => {
    const answer = await fetch(`${site.issuer}/api/auth/me`, {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${ada.accessToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'Augusta Ada King, Countess of Lovelace' }),
    });
    expect(answer.status).toBe(200);
    await app.page.setViewportSize({ width: 390, height: 844 });
    await app.open(site);
    const heights = await app.page
      .locator('.brand, #name, #logout')
      .evaluateAll((all) => all.map((one) => one.getClientRects()[0]?.height));
    // Of one line each, and all of them on one.
    expect(Math.max(...heights.map(Number))).toBeLessThan(48);
    expect((await app.page.locator('header').boundingBox())?.height).toBeLessThan(48);
    expect(await app.page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  test('is clean to axe in the light and the dark', async () => {
    await app.open(site);
    expect(await violationsOf(app.page)).toEqual([]);
    for (const title of ['one', 'two', 'three']) await add(title);
    await app.box('one').check();
    await app.button('Edit “two”').click();
    await app.button('Delete “three”').click();
    await stored().remove((await stored().add('four')).id);
    expect(await violationsOf(app.page)).toEqual([]);
    await setOffline(true);
    await app.box('one').click();
    await app.alert.getByText('there is no connection').waitFor();
    await setOffline(false);
    expect(await violationsOf(app.page)).toEqual([]);
  });

  test('shows which filter is on where the system chooses the colours', async () => {
    await app.page.emulateMedia({ forcedColors: 'active' });
    await app.open(site);
    const inkOf = (filter: string) =>
      app.page.evaluate(
        `getComputedStyle(document.querySelector('#filters [value=${filter}]')).color`,
      );
    expect(await inkOf('all')).not.toBe(await inkOf('open'));
  });

  test('keeps no secret anywhere, and is small', async () => {
    let transferred = 0;
    const session = await app.page.context().newCDPSession(app.page);
    await session.send('Network.enable');
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      transferred += encodedDataLength;
    });
    await app.open(site);
    await add('Buy milk');
    expect(transferred).toBeGreaterThan(5_000);
    expect(transferred).toBeLessThan(30_000);
    const kept = await app.page.evaluate(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, document.cookie])',
    );
    expect(kept).toBe(JSON.stringify([{}, {}, `${site.issuer}/app`, '']));
    expect(await app.page.evaluate('history.length')).toBe(2);
    const page = await app.page.goto(`${site.issuer}/app`);
    expect(page?.headers()['cache-control']).toBe('no-store');
    expect(page?.headers()['content-security-policy']).not.toContain('unsafe');
  });

  test('has hundreds of todos by the page, and touches only what changes', async () => {
    const values = Array.from({ length: 500 }, (_, i) => `Todo ${String(i).padStart(3, '0')}`);
    const ids = values.map((_title, i) => newUuid(new Date(site.clock.now().getTime() + i)));
    await site.sql(
      'INSERT INTO todos (user_id, id, title, completed, version, created_at, updated_at) ' +
        'SELECT $1, *, false, 1, $4, $4 FROM unnest($2::uuid[], $3::text[])',
      [ada.userId, ids, values, site.clock.now()],
    );
    await app.open(site);
    expect(await app.rows.count()).toBeLessThan(500);
    await vi.waitUntil(async () => {
      await app.page.keyboard.press('End');
      return (await app.rows.count()) === 500;
    }, WAIT);
    expect(await app.titles()).toEqual(values.toReversed());
    expect(await app.button('Show more').isVisible()).toBe(false);
    await app.page.evaluate(`
      globalThis.touched = new Set();
      new MutationObserver((records) => {
        for (const { target } of records) touched.add(target);
      }).observe(document.querySelector('#todos'), { subtree: true, childList: true, characterData: true });
    `);
    await app.box('Todo 250').click();
    await app.button('Edit “Todo 100”').click();
    await app.page.keyboard.type('Renamed');
    await app.page.keyboard.press('Enter');
    await app.box('Renamed').waitFor();
    expect(await app.page.evaluate('touched.size')).toBeLessThan(5);
    await app.button('Done').click();
    expect(await app.titles()).toEqual(['Todo 250']);
  });

  test('leads to the login page, which comes back', async () => {
    await app.open(site);
    await app.button('Log out').click();
    await app.page.waitForURL(/\/login\?/);
    expect(new URL(app.page.url()).searchParams.get('reason')).toBe('signed_out');
    await app.page.goto(`${site.issuer}/app`);
    await app.page.waitForURL(/\/login\?/);
    const query = new URL(app.page.url()).searchParams;
    expect(Object.fromEntries(query)).toEqual({ return_to: `${site.issuer}/app` });
    await app.page.getByLabel('Email').fill(ada.email);
    await app.page.locator('input[type=password]').fill('correct horse battery staple');
    await app.page.keyboard.press('Enter');
    await app.page.waitForURL(`${site.issuer}/app`);
    await add('Here again');
  });
});
