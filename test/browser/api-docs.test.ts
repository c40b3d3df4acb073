import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADA } from '../../src/http/examples.ts';
import { launchBrowser, openPage, startSite } from '../support/browser.ts';
import { freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import type { TestKeyturn } from '../support/keyturn.ts';
import { callsOf, type OpenApi, send } from '../support/openapi.ts';

describe('the page that shows the API', () => {
  let browser: Browser;
  let keyturn: TestKeyturn;
  beforeAll(async () => {
    const [driver] = DRIVERS as [TestDriver, TestDriver];
    [browser, keyturn] = await Promise.all([launchBrowser(), startSite(driver)]);
  });
  afterAll(async () => {
    await browser?.close();
    await keyturn?.close();
  });

  test('lists every call, makes one, and asks nobody else for anything', async () => {
    const { page, complaints } = await openPage(browser, { colorScheme: 'dark' });
    const elsewhere: string[] = [];
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== keyturn.issuer && protocol !== 'data:') elsewhere.push(request.url());
    });
    await page.goto(`${keyturn.issuer}/docs`);
    const { body } = await send(keyturn.url, 'GET', '/openapi.json', {});
    const calls = callsOf(body as OpenApi).size;
    await page
      .locator('.opblock')
      .nth(calls - 1)
      .waitFor();
    expect(await page.locator('.opblock').count()).toBe(calls);
    expect(await page.title()).toBe('The API of Keyturn');
    expect(await page.locator('html').getAttribute('class')).toBe('dark-mode');

    const registering = page.locator('#operations-Login-register');
    await registering.locator('.opblock-summary-control').click();
    await registering.locator('.try-out__btn').click();
    const proposed = JSON.parse(await registering.locator('textarea').inputValue());
    expect(proposed).toEqual(ADA);
    const ann = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
    await registering.locator('textarea').fill(JSON.stringify(ann));
    await registering.locator('button.execute').click();
    const answer = registering.locator('.live-responses-table');
    await answer.getByText(ann.email).first().waitFor();
    expect(await answer.textContent()).toContain('"access_token"');

    expect(complaints).toEqual([]);
    expect(elsewhere).toEqual([]);
    await page.context().close();
  });
});
