// npm run screenshots: every page in both themes and two widths, into docs/screenshots/. What
// changes from one run to the next (port, times, ids) is held still, so that a picture changes only
// when its page does.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { seconds } from '../src/kit/duration.ts';
import { launchBrowser, startSite } from '../test/support/browser.ts';
import { newDirectory, type TestDriver } from '../test/support/databases.ts';
import type { TestKeyturn } from '../test/support/keyturn.ts';

const out = process.argv[2] ?? join(import.meta.dirname, '../docs/screenshots');
const PASSWORD = 'correct horse battery staple';
const EMAIL = 'ada@example.com';
/** Who have something to do, and nothing. */
const BUSY = 'busy@example.com';
const IDLE = 'idle@example.com';
const TODOS = [
  'Send Charles the notes on the Bernoulli numbers',
  'Water the plants',
  'Ask Mary about the mathematics of flying',
  'Read the translation once more before it goes to the printer, the seventh note above all',
];
const LAPTOP = 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0';
const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1';
const WIDTHS = [
  [1280, 800],
  [390, 844],
] as const;

/** An embedded database of its own. */
const driver: TestDriver = {
  name: 'PGlite',
  kind: 'embedded',
  create: async () => ({ url: undefined, dataDir: await newDirectory(), drop: async () => {} }),
  open: () => Promise.reject(new Error('this one is opened by the server')),
};

interface Shot {
  readonly name: string;
  readonly path: string;
  /** Who is logged in. */
  readonly as?: string;
  /** What happens before the picture is taken. */
  readonly act?: (page: Page) => Promise<void>;
  /** The whole page rather than what a window shows of it. */
  readonly whole?: boolean;
}

const SHOTS: readonly Shot[] = [
  { name: 'home', path: '/', whole: true },
  { name: 'login', path: '/login' },
  {
    name: 'login-refused',
    path: '/login',
    async act(page) {
      await page.getByLabel('Email address').fill(EMAIL);
      await page.getByLabel('Password', { exact: true }).fill('a wrong one');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByRole('alert').waitFor();
    },
  },
  { name: 'login-stolen', path: '/login?reason=stolen&return_to=/app' },
  {
    name: 'register',
    path: '/register',
    async act(page) {
      await page.getByLabel('Name').fill('Ada Lovelace');
      await page.getByLabel('Email address').fill(EMAIL);
      await page.getByLabel('Password', { exact: true }).fill('violet harbour');
    },
  },
  { name: 'forgot-password', path: '/forgot-password' },
  { name: 'check-mail', path: '/forgot-password?done' },
  { name: 'reset-password', path: '/reset-password#token=ktm_0' },
  { name: 'verify-email', path: '/verify-email#token=ktm_0' },
  { name: 'verified', path: '/verify-email?done' },
  { name: 'account', path: '/account', as: EMAIL, whole: true },
  { name: 'error', path: '/nowhere' },
  { name: 'app', path: '/app', as: BUSY },
  { name: 'app-empty', path: '/app', as: IDLE },
  {
    name: 'app-trouble',
    path: '/app',
    as: BUSY,
    async act(page) {
      await page.getByRole('button', { name: /^Delete “Send/ }).click();
      await page.context().setOffline(true);
      await page.getByLabel('What is to be done?').fill('Post the letter');
      await page.keyboard.press('Enter');
      await page.getByRole('alert').getByText('did not get through').waitFor();
    },
  },
];

const keyturn = await startSite(driver, { env: { TRUST_PROXY: '1' } });
const browser = await launchBrowser();
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const registered = await send('/register', { name: 'Ada Lovelace' }, PHONE, '198.51.100.23');
if (registered === '') throw new Error('nobody could register');
keyturn.clock.advance(seconds(2 * 24 * 3600));
const session = await send('/login', {});
keyturn.clock.advance(seconds(25 * 60));
for (const email of [BUSY, IDLE]) await send('/register', { name: 'Ada Lovelace', email });
await addTodos();

for (const colorScheme of ['light', 'dark'] as const) {
  for (const [width, height] of WIDTHS) {
    for (const shot of SHOTS) {
      const context = await browser.newContext({
        colorScheme,
        viewport: { width, height },
        reducedMotion: 'reduce',
        locale: 'en-GB',
        timezoneId: 'UTC',
      });
      await take(context, shot, `${shot.name}-${colorScheme}-${width}.png`, keyturn);
      await context.close();
    }
  }
}
await browser.close();
await keyturn.close();

async function take(
  context: BrowserContext,
  shot: Shot,
  file: string,
  { issuer, clock }: TestKeyturn,
) {
  if (shot.as !== undefined) {
    // The pages only read the cookie; the app renews it.
    const value = shot.as === EMAIL ? session : await send('/login', { email: shot.as });
    await context.addCookies([{ name: 'keyturn_refresh', value, url: issuer }]);
  }
  const page = await context.newPage();
  await page.clock.setFixedTime(clock.now());
  await page.goto(issuer + shot.path);
  if (shot.path === '/app') await page.locator('#more:enabled').waitFor({ state: 'attached' });
  await shot.act?.(page);
  await page.waitForLoadState('networkidle');
  await page.evaluate(`document.querySelectorAll('pre code, .aftermath code').forEach((code) => {
    code.textContent = code.textContent.replace(/localhost:\\d+/, 'localhost:3000')
      .replace(/^[0-9a-f]{24}-\\w+$/, '7f3a0c19e2b84d56a1c0e9f2-4k');
  }); document.fonts.ready`);
  await page.screenshot({ path: join(out, file), fullPage: shot.whole === true, caret: 'hide' });
}

/** Sends a form as a device somewhere; answers the cookie that it got. */
async function send(
  path: string,
  fields: Readonly<Record<string, string>>,
  userAgent = LAPTOP,
  address = '203.0.113.7',
): Promise<string> {
  const answer = await fetch(keyturn.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { Origin: keyturn.issuer, 'User-Agent': userAgent, 'X-Forwarded-For': address },
    body: new URLSearchParams({ email: EMAIL, password: PASSWORD, ...fields }),
  });
  return /keyturn_refresh=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? '';
}

/** Fills the list of who is busy. */
async function addTodos(): Promise<void> {
  const api = async (path: string, method: string, body: object, token?: string) => {
    const answer = await fetch(keyturn.url + path, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { id: string; access_token: string };
  };
  const credentials = { email: BUSY, password: PASSWORD };
  const { access_token: token } = await api('/api/auth/login', 'POST', credentials);
  for (const [index, title] of TODOS.entries()) {
    keyturn.clock.advance(seconds(1));
    const { id } = await api('/api/users/me/todos', 'POST', { title }, token);
    if (index === 1) await api(`/api/users/me/todos/${id}`, 'PATCH', { completed: true }, token);
  }
}
