import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { answerRequests, NEW_PASSWORD } from '../support/accounts.ts';
import { violationsOf } from '../support/axe.ts';
import { launchBrowser, openPage, startSite } from '../support/browser.ts';
import { freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import { transferOf } from '../support/transfer.ts';

const MAX_TRANSFER = 30 * 1024;
const [, driver] = DRIVERS;
if (!driver) throw new Error('there is a second driver');

describe('the hosted pages in Chromium', () => {
  let browser: Browser;
  let keyturn: TestKeyturn;
  let page: Page;
  let complaints: readonly string[];
  let appOrigin: string;
  /** Somebody else's application. */
  const app = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end('<title>App</title><h1>The app</h1>');
  });

  beforeAll(async () => {
    app.listen(0, 'localhost');
    await once(app, 'listening');
    const { port } = app.address() as AddressInfo;
    appOrigin = `http://localhost:${port}`;
    const env = { ALLOWED_ORIGINS: appOrigin };
    [browser, keyturn] = await Promise.all([launchBrowser(), startSite(driver, { env })]);
  });
  afterAll(async () => {
    app.close();
    await browser.close();
    await keyturn.close();
  });
  afterEach(async () => {
    await page.context().close();
    // A violation of the CSP, an error in a script.
    expect(complaints).toEqual([]);
  });

  const open = async (options = {}) => {
    ({ page, complaints } = await openPage(browser, { reducedMotion: 'reduce', ...options }));
  };
  const go = (path: string) => page.goto(keyturn.issuer + path);
  /** Sends a form, which may wait for its turn before it leaves the page. */
  const submit = async (name: string) => {
    const left = page.waitForEvent('framenavigated');
    await page.getByRole('button', { name, exact: true }).click();
    await left;
  };
  const heading = () => page.getByRole('heading', { level: 1 }).textContent();
  const url = () => page.url().slice(keyturn.issuer.length);

  async function register(email: string, name = 'Ada Lovelace') {
    await go('/register');
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await submit('Create account');
    await page.waitForURL('**/account');
  }

  async function logIn(email: string, password: string) {
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await submit('Log in');
  }

  /** What scripts of the page could read or somebody at the machine find, but for the form. */
  const traces = () =>
    page.evaluate(
      `JSON.stringify([location.href, history.state, document.cookie, document.referrer,
        { ...localStorage }, { ...sessionStorage }])`,
    );

  /** The addresses that the back button would show. */
  async function historyOf(): Promise<string[]> {
    const devtools = await page.context().newCDPSession(page);
    const { entries } = await devtools.send('Page.getNavigationHistory');
    return entries.map((entry) => entry.url);
  }

  test.each([
    ['with scripts', true],
    ['without scripts', false],
  ])('an account from its beginning to its end, %s', async (_how, javaScriptEnabled) => {
    await open({ javaScriptEnabled });
    const email = freshEmail();
    await register(email);
    expect(await heading()).toBe('Hello, Ada Lovelace');
    await submit('Log out');
    expect(url()).toBe('/login');
    await page.getByText('You are logged out.').waitFor();

    // The mail to come is newer than that of the registration, whenever it is written.
    keyturn.clock.advance(seconds(1));
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.getByLabel('Email address').fill(email);
    await submit('Mail me a link');
    await page.waitForURL('**/forgot-password?done');
    expect(await heading()).toBe('Check your mail');
    await answerRequests(keyturn);
    const token = await mailedToken(keyturn, email);
    const link = `/reset-password#token=${token}`;
    await go(link);
    const field = page.getByLabel('Link from the mail');
    expect(await field.isVisible()).toBe(!javaScriptEnabled);
    if (!javaScriptEnabled) await field.fill(keyturn.issuer + link);
    else {
      expect(url()).toBe('/reset-password');
      expect(await traces()).not.toContain(token);
      expect((await historyOf()).join()).not.toContain(token);
    }
    // A refused password consumes nothing, and the link need not be opened again.
    await page.getByLabel('New password').fill('password123');
    await submit('Set the password');
    await page.getByText('This password is on lists of common ones').waitFor();
    await page.getByLabel('New password').fill(NEW_PASSWORD);
    await submit('Set the password');
    await page.waitForURL('**/login');
    await page.getByText('Your new password is set').waitFor();

    await logIn(email, PASSWORD);
    await page.getByRole('alert').waitFor();
    await logIn(email, NEW_PASSWORD);
    await page.waitForURL('**/account');
    await page.getByText('I want to delete my account').click();
    await page.locator('#delete-password').fill(NEW_PASSWORD);
    await submit('Delete my account for good');
    await page.waitForURL('**/login');
    await page.getByText('all that belonged to it is gone').waitFor();
    expect(await page.context().cookies()).toEqual([]);
  });

  test('a mailed address is confirmed by one click, and by nothing less', async () => {
    await open();
    const email = freshEmail();
    await register(email);
    const link = `/verify-email#token=${await mailedToken(keyturn, email)}`;
    await go(link);
    await go('/account');
    await page.getByText('has not been confirmed yet').waitFor();
    // Where the page is open already, the link loads nothing anew.
    await go('/verify-email');
    await go(link);
    await page.waitForURL('**/verify-email');
    await page.locator('button:focus').waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/verify-email?done');
    await go('/account');
    expect(await page.getByText('has not been confirmed yet').count()).toBe(0);
  });

  test('leads back to the application that sent somebody, if it may', async () => {
    await open();
    const email = freshEmail();
    await register(email);
    await submit('Log out');
    await go(`/login?return_to=${encodeURIComponent(`${appOrigin}/inbox`)}`);
    await logIn(email, PASSWORD);
    await page.waitForURL(`${appOrigin}/inbox`);
    expect(await heading()).toBe('The app');
    await go(`/login?return_to=${encodeURIComponent(appOrigin.replace('localhost', '127.0.0.1'))}`);
    await page.getByRole('link', { name: 'Go on as Ada Lovelace' }).click();
    expect(url()).toBe('/account');
  });

  test('leads back there past a forgotten password, too', async () => {
    await open();
    const email = freshEmail();
    await register(email);
    await submit('Log out');
    await go(`/login?return_to=${encodeURIComponent(`${appOrigin}/inbox`)}`);
    keyturn.clock.advance(seconds(1));
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.getByLabel('Email address').fill(email);
    await submit('Mail me a link');
    await page.waitForURL('**/forgot-password?done&**');
    await answerRequests(keyturn);
    const link = `${keyturn.issuer}/reset-password#token=${await mailedToken(keyturn, email)}`;
    // The page of another site, on which people read their mail.
    const mail = `<title>Mail</title><a href="${link}">Choose a new password</a>`;
    await page.route('http://mail.example/', (route) =>
      route.fulfill({ contentType: 'text/html', body: mail }),
    );
    await page.goto('http://mail.example/');
    await page.getByRole('link').click();
    await page.getByLabel('New password').fill(NEW_PASSWORD);
    await submit('Set the password');
    await page.getByText('Your new password is set').waitFor();
    await logIn(email, NEW_PASSWORD);
    await page.waitForURL(`${appOrigin}/inbox`);
  });

  test('takes the address along to a forgotten password, and leaves it nowhere', async () => {
    await open();
    const email = freshEmail();
    await go('/login');
    await logIn(email, NEW_PASSWORD);
    await page.getByRole('alert').waitFor();
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.waitForURL('**/forgot-password');
    expect(await page.getByLabel('Email address').inputValue()).toBe(email);
    expect(await traces()).not.toContain(email);
    expect(JSON.stringify(await historyOf())).not.toContain(email);
    // It is for that page alone, and once.
    await page.reload();
    expect(await page.getByLabel('Email address').inputValue()).toBe('');
  });

  test('leaves no secret where scripts or people would find it', async () => {
    await open();
    await register(freshEmail());
    const cookies = await page.context().cookies();
    expect(cookies).toMatchObject([{ name: 'keyturn_refresh', httpOnly: true, sameSite: 'Lax' }]);
    const found = String(await traces());
    for (const secret of [PASSWORD, cookies[0]?.value ?? '', 'ktr_']) {
      expect(found).not.toContain(secret);
    }
    expect(await page.evaluate('localStorage.length + sessionStorage.length')).toBe(0);
  });

  test('by keyboard alone', async () => {
    await open();
    const email = freshEmail();
    const type = page.keyboard.type.bind(page.keyboard);
    const press = async (...keys: string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focused = () => page.evaluate('document.activeElement.textContent.trim()');
    await go('/');
    await press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await press('Enter', 'Tab');
    expect(await focused()).toBe('Create an account');
    await press('Enter');
    await page.waitForURL('**/register');
    // The page begins at its first field.
    await page.locator('#name:focus').waitFor();
    await type('Ada');
    await press('Tab');
    await type('ada');
    await press('Tab');
    await type('short');
    await press('Tab');
    expect(await focused()).toBe('Show password');
    await press('Space');
    expect(await page.getByLabel('Password', { exact: true }).getAttribute('type')).toBe('text');
    await press('Enter');
    // It goes on at the first field that has to be mended.
    await page.getByText('Enter an email address').waitFor();
    await page.locator('#email:focus').waitFor();
    await press('ControlOrMeta+A');
    await type(email);
    await press('Tab');
    await type(PASSWORD);
    await press('Enter');
    await page.waitForURL('**/account');
    expect(await heading()).toBe('Hello, Ada');
  });

  test('shows how strong a password is, and the password, as one likes', async () => {
    await open();
    await go('/register');
    const password = page.getByLabel('Password', { exact: true });
    const meter = page.locator('.strength');
    expect(await meter.isVisible()).toBe(false);
    for (const [text, words] of [
      ['short', 'Too short so far'],
      ['password1234', 'Easy to guess'],
      ['violet harbour', 'Fair'],
      [PASSWORD, 'Strong'],
    ] as const) {
      await password.fill(text);
      expect(await meter.textContent()).toContain(words);
    }
    await page.getByRole('button', { name: 'Show password' }).click();
    expect(await password.getAttribute('type')).toBe('text');
    await page.getByRole('button', { name: 'Hide password' }).click();
    expect(await password.getAttribute('type')).toBe('password');
  });

  test.each([
    ['with Web Locks', ''],
    ['without', 'delete Navigator.prototype.locks'],
  ])('sends a form once, however often one clicks, %s', async (_how, script) => {
    await open();
    await page.addInitScript(script);
    await go('/forgot-password');
    expect(await page.evaluate('"locks" in navigator')).toBe(script === '');
    await page.getByLabel('Email address').fill(freshEmail());
    let sent = 0;
    const impatient = page.waitForEvent('console', (message) => message.text() === 'clicked');
    await page.route('**/forgot-password', async (route) => {
      sent += 1;
      // The answer takes as long as somebody goes on clicking.
      await impatient;
      await route.continue().catch(() => {});
    });
    await page.evaluate(`const button = document.querySelector('button[type=submit]');
      for (const wait of [0, 50, 100]) setTimeout(() => button.click(), wait);
      setTimeout(() => console.log('clicked'), 150);`);
    await page.waitForURL('**/forgot-password?done');
    expect(sent).toBe(1);
  });

  test('is clean to axe in both themes, and small', async () => {
    await open();
    const email = freshEmail();
    const paths = ['/', '/login', '/login?reason=stolen&return_to=/app', '/register'];
    paths.push('/forgot-password', '/forgot-password?done', '/reset-password', '/verify-email');
    paths.push('/verify-email?done', '/nothing');
    const look = async (what: string) =>
      expect([what, await violationsOf(page)]).toEqual([what, []]);
    for (const path of paths) {
      expect(await transferOf(page, keyturn.issuer + path)).toBeLessThan(MAX_TRANSFER);
      await look(path);
    }
    await go('/login');
    await logIn('nobody', '');
    await page.getByText('Enter an email address').waitFor();
    await look('mistakes');
    await logIn(email, 'wrong wrong');
    await page.getByRole('alert').waitFor();
    await look('a refusal');
    await register(email);
    await page.getByText('I want to delete my account').click();
    await look('/account');
    const credentials = JSON.stringify({ email, password: PASSWORD });
    for (let device = 0; device < 20; device += 1) {
      const headers = { 'Content-Type': 'application/json', 'User-Agent': `Device ${device}` };
      const answer = { method: 'POST', headers, body: credentials };
      expect((await fetch(`${keyturn.url}/api/auth/login`, answer)).status).toBe(200);
    }
    expect(await transferOf(page, `${keyturn.issuer}/account`)).toBeLessThan(MAX_TRANSFER);
  });

  test('no page is wider than a small screen, or than text of twice the size', async () => {
    await open({ viewport: { width: 320, height: 640 } });
    await register(freshEmail().replace('@', `@${'sub.'.repeat(40)}`), 'Wolfeschlegel'.repeat(15));
    for (const path of ['/account', '/', '/login', '/register', '/reset-password', '/nothing']) {
      await go(path);
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect([path, width]).toEqual([path, 320]);
    }
  });
});
