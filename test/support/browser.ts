import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findChromium } from './chromium.ts';
import type { TestDriver } from './databases.ts';
import { freePort } from './free-port.ts';
import { type KeyturnOptions, startKeyturn, type TestKeyturn } from './keyturn.ts';

/** How long a page is waited for, in milliseconds, on a machine that has little time for it. */
const PATIENCE = 60_000;

/** Starts Chromium, headless. Close it in `afterAll`. */
export async function launchBrowser(): Promise<Browser> {
  const { executablePath, env } = await findChromium();
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const browser = await chromium.launch({
    executablePath,
    env: { ...Object.fromEntries(inherited), ...env },
    // Without a user namespace, as in most containers, its own sandbox cannot start; it opens
    // nothing but our own pages.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
  browser.on('context', (context) => context.setDefaultTimeout(PATIENCE));
  return browser;
}

/** A page in a browser context of its own: nothing is shared with another one. */
export interface WatchedPage {
  readonly page: Page;
  /** What the page complained of: violations of the CSP, errors in scripts, errors in the console. */
  readonly complaints: readonly string[];
}

/**
 * Opens an empty page in a fresh context, and keeps what goes wrong on it. Answers of 400 and more
 * that a test provokes are not among the complaints.
 */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const complaints: string[] = [];
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    if (message.type() !== 'error') return;
    if (!message.text().startsWith('Failed to load resource: the server responded')) {
      complaints.push(message.text());
    }
  });
  return { page: await context.newPage(), complaints };
}

/** Starts a Keyturn whose issuer is where it listens, as pages in a browser need it. */
export async function startSite(
  driver: TestDriver,
  { env, ...options }: Omit<KeyturnOptions, 'port'> = {},
): Promise<TestKeyturn> {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  return startKeyturn(driver, { ...options, port, env: { ISSUER_URL: issuer, ...env } });
}
