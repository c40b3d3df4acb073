import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, openPage, startSite } from '../support/browser.ts';
import { clientOf, PASSWORD } from '../support/client.ts';
import { DRIVERS, newDirectory, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';

const repository = join(import.meta.dirname, '../..');
const root = join(repository, 'examples/react');
const client = join(repository, 'src/client/keyturn.ts');

let browser: Browser;
let server: PreviewServer;
let site: TestKeyturn;
let origin: string;
beforeAll(async () => {
  const outDir = await newDirectory();
  server = await preview({
    root,
    logLevel: 'silent',
    build: { outDir },
    preview: { port: 0, host: 'localhost' },
  });
  origin = new URL(server.resolvedUrls?.local[0] ?? '').origin;
  const env = { ALLOWED_ORIGINS: origin, RATE_LIMIT: 'off' };
  [browser, site] = await Promise.all([
    launchBrowser(),
    startSite(DRIVERS[1] as TestDriver, { env }),
  ]);
  await build({
    root,
    logLevel: 'silent',
    resolve: { alias: { 'keyturn/client': client } },
    define: { 'import.meta.env.VITE_ISSUER': JSON.stringify(site.issuer) },
    build: { outDir, emptyOutDir: true },
  });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await site?.close();
});

test('the example with React does what it shows', async () => {
  const { page, complaints } = await openPage(browser);
  const { email } = await clientOf(site).register({ name: 'Ada' });
  await page.goto(origin);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByLabel('Email').fill(email);
  await page.locator('input[type=password]').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Todos of Ada' }).waitFor();

  const box = page.getByRole('checkbox', { name: 'Buy milk' });
  await page.getByLabel('What is to be done?').fill('Buy milk');
  await page.keyboard.press('Enter');
  const saved = page.waitForResponse((answer) => answer.request().method() === 'PATCH');
  await box.check();
  await saved;
  await page.reload();
  expect(await box.isChecked()).toBe(true);

  await page.route('**/todos/*', (route) => route.abort());
  await page.getByRole('button', { name: 'Delete “Buy milk”' }).click();
  await page.getByRole('alert').filter({ hasText: /./ }).waitFor();
  await box.waitFor();
  await page.unroute('**/todos/*');
  await page.getByRole('button', { name: 'Delete “Buy milk”' }).click();
  await box.waitFor({ state: 'detached' });

  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('button', { name: 'Log in' }).waitFor();
  expect(complaints.filter((text) => !text.includes('ERR_FAILED'))).toEqual([]);
  await page.context().close();
});

test('its types are in order', async () => {
  const path = join(await newDirectory(), 'tsconfig.json');
  const modules = join(repository, 'node_modules');
  const options = {
    paths: { 'keyturn/client': [client] },
    types: [join(modules, 'vite/client')],
  };
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: options,
    include: [join(root, 'src')],
  };
  await writeFile(path, JSON.stringify(config));
  const compiled = await promisify(execFile)(process.execPath, [
    join(modules, 'typescript/bin/tsc'),
    ...['-p', path],
  ]).catch((error) => error);
  expect(compiled.stdout).toBe('');
});
