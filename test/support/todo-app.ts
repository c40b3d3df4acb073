import type { BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import { clientOf, PASSWORD } from './client.ts';

/** Where a Keyturn is, for tests of its pages. */
export interface SiteUrl {
  readonly url: string;
  readonly issuer: string;
}

/** Registers somebody new, and logs the browser in by cookie; answers their email and session. */
export async function signIn(context: BrowserContext, site: SiteUrl) {
  const who = await clientOf(site).register();
  const response = await context.request.post(`${site.issuer}/api/auth/login`, {
    headers: { Origin: site.issuer },
    data: { email: who.email, password: PASSWORD, delivery: 'cookie' },
  });
  expect(response.status()).toBe(200);
  return who;
}

/** The app on a page, as people find their way in it. */
export function appOn(page: Page) {
  const app = {
    page,
    field: page.getByLabel('What is to be done?'),
    rows: page.locator('#todos li'),
    alert: page.getByRole('alert'),
    row: (title: string) => page.getByRole('listitem').filter({ hasText: title }),
    box: (title: string) => page.getByRole('checkbox', { name: title, exact: true }),
    button: (name: string) => page.getByRole('button', { name, exact: true }),
    async open({ issuer }: SiteUrl) {
      await page.goto(`${issuer}/app`);
      await page.getByRole('button', { name: 'Log out' }).waitFor();
      await page.locator('#more:enabled').waitFor({ state: 'attached' });
    },
    async add(title: string) {
      await app.field.fill(title);
      const answered = page.waitForResponse(
        (answer) => answer.request().method() === 'POST' && answer.url().endsWith('/todos'),
      );
      await app.field.press('Enter');
      await answered;
    },
    titles: () => app.rows.locator('label').allTextContents(),
  };
  return app;
}
