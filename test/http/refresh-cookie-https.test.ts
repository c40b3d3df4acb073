import { describe, expect, test } from 'vitest';
import { browserAt, clientOf, setCookies } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

// The database has no say in this: one will do.
describe.each(DRIVERS.slice(0, 1))('the cookie of an https issuer on $name', (driver) => {
  test.each(['lax', 'strict', 'none'])('is a __Host- cookie, SameSite=%s', async (sameSite) => {
    const env = { ISSUER_URL: 'https://id.example.com', COOKIE_SAMESITE: sameSite };
    const keyturn = await startKeyturn(driver, { env });
    try {
      const { email } = await clientOf(keyturn).register();
      const browser = browserAt(keyturn);
      await browser.login(email);
      const set = setCookies(await browser.refresh());
      const spelled = { lax: 'Lax', strict: 'Strict', none: 'None' }[sameSite];
      const attributes = `; Path=/; HttpOnly; SameSite=${spelled}; Secure`;
      expect(set).toEqual([`${browser.cookie}; Max-Age=604800${attributes}`]);
      expect(browser.cookie).toMatch(/^__Host-keyturn_refresh=ktr_/);
      // The plain name means nothing here.
      const plain = {
        Cookie: browser.cookie?.replace('__Host-', '') ?? '',
        Origin: keyturn.issuer,
      };
      const refused = clientOf(keyturn).post('/api/auth/refresh', {}, plain);
      expectProblem(await refused, 401, 'invalid_refresh_token');
      expect(setCookies(await browser.post('/api/auth/logout'))).toEqual([
        `__Host-keyturn_refresh=; Max-Age=0${attributes}`,
      ]);
    } finally {
      await keyturn.close();
    }
  });
});
