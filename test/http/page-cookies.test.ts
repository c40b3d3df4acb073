import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { answerRequests, NEW_PASSWORD } from '../support/accounts.ts';
import { freshEmail, PASSWORD, setCookies } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { APP_ORIGIN, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { pageClient } from '../support/page-client.ts';

/** What pages say has been done, each in the one place where it may be said. */
const NOTICES = ['name', 'email', 'password', 'end_session', 'resend', 'signed_out_everywhere'];
NOTICES.push('password_reset', 'account_deleted');

const noteOn = (text: string): string | undefined =>
  /<div class="note" role="status"><p[^>]*>([^<]*)</.exec(text)?.[1];

describe.each(DRIVERS)('what pages leave for the next one, on $name', (driver) => {
  let keyturn: TestKeyturn;
  let email: string;

  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    email = freshEmail();
    await pageClient(keyturn).register(email);
  });
  afterAll(() => keyturn.close());

  const loggedIn = async () => {
    const browser = pageClient(keyturn);
    await browser.send('/login', { email, password: PASSWORD });
    return browser;
  };

  test('is said once, on the page that the form leads to', async () => {
    const browser = await loggedIn();
    const sent = await browser.send('/account', { action: 'name', name: 'Ada' });
    expect(sent.headers.location).toBe('/account');
    expect(setCookies(sent)).toEqual([
      'keyturn_notice=bmFtZQ; Max-Age=60; Path=/; HttpOnly; SameSite=Strict',
    ]);
    expect((await browser.get('/account')).text).toContain('<p>Your name is changed.</p>');
    expect((await browser.get('/account')).text).not.toContain('Your name is changed.');
    expect([...browser.others]).toEqual([]);
  });

  test('is not said where nothing has been done', async () => {
    const browser = await loggedIn();
    const verified = noteOn((await browser.get('/account')).text);
    expect(verified).toMatch(/has not been confirmed yet/);
    await browser.send('/account', { action: 'password', current_password: 'x', new_password: '' });
    expect([...browser.others]).toEqual([]);
    for (const notice of NOTICES) {
      for (const name of ['done', 'reason', 'notice', 'keyturn_notice']) {
        const { text } = await browser.get(`/account?${name}=${notice}`);
        expect([name, notice, noteOn(text)]).toEqual([name, notice, verified]);
        const login = await pageClient(keyturn).get(`/login?${name}=${notice}`);
        expect([name, notice, noteOn(login.text)]).toEqual([name, notice, undefined]);
        expect(login.text).not.toContain('data-signed-out');
      }
    }
  });

  test('is nothing that a cookie could put in its own words', async () => {
    const browser = await loggedIn();
    for (const text of ['constructor', '__proto__', '<b>Pay here</b>', 'password_reset', '']) {
      browser.others.set('x', `keyturn_notice=${Buffer.from(text).toString('base64url')}`);
      const page = await browser.get('/account');
      expect(noteOn(page.text)).toMatch(/has not been confirmed yet/);
      expect(page.text).not.toContain('Pay here');
    }
  });

  test('is that one is logged out only while one is', async () => {
    const browser = await loggedIn();
    await browser.send('/account', { action: 'sign_out' });
    expect(noteOn((await browser.get('/login')).text)).toBe('You are logged out.');
    const back = await loggedIn();
    await back.send('/account', { action: 'sign_out_everywhere' });
    await back.send('/login', { email, password: PASSWORD });
    const { text } = await back.get('/login');
    expect(text).toContain('You are logged in as');
    expect(text).not.toContain('every device');
    expect(text).not.toContain('data-signed-out');
  });

  test('every form with a password names the account to password managers', async () => {
    const browser = await loggedIn();
    let forms = 0;
    for (const path of ['/login', '/register', '/account']) {
      const { text } = await browser.get(path);
      for (const [form] of text.matchAll(/<form.*?<\/form>/gs)) {
        if (!form.includes('type="password"')) continue;
        forms += 1;
        const before = form.slice(0, form.indexOf('type="password"'));
        expect(before).toMatch(/<input[^>]*type="(?:text|email)"[^>]*autocomplete="username"/);
        if (path === '/account') expect(before).toContain(`value="${email}" readonly`);
      }
    }
    expect(forms).toBe(5);
  });

  const INBOX = `${APP_ORIGIN}/inbox?of=ann;x="1"`;
  const CARRIED = `return_to=${encodeURIComponent(new URL(INBOX).href)}`;

  test('return_to comes through a forgotten password, in the same browser', async () => {
    const ann = freshEmail();
    await pageClient(keyturn).register(ann);
    // The mail to come is newer than that of the registration, whenever it is written.
    keyturn.clock.advance(seconds(1));
    const browser = pageClient(keyturn);
    const login = await browser.get(`/login?return_to=${encodeURIComponent(INBOX)}`);
    for (const path of ['/forgot-password', '/register']) {
      expect(login.text).toContain(`href="${path}?${CARRIED}"`);
    }
    const forgot = await browser.get(`/forgot-password?${CARRIED}`);
    expect(forgot.text).toContain(`name="return_to" value="${new URL(INBOX).href}"`);
    expect(forgot.text).toContain(`href="/login?${CARRIED}"`);
    const asked = await browser.send('/forgot-password', { email: ann, return_to: INBOX });
    expect(asked.headers.location).toBe(`/forgot-password?done&${CARRIED}`);
    expect(setCookies(asked)).toEqual([
      expect.stringMatching(
        /^keyturn_return_to=[\w-]+; Max-Age=3600; .*HttpOnly; SameSite=Strict$/,
      ),
    ]);
    expect((await browser.get(`/forgot-password?done&${CARRIED}`)).text).toContain(
      `href="/login?${CARRIED}"`,
    );
    await answerRequests(keyturn);
    const token = await mailedToken(keyturn, ann);
    const dead = await browser.send('/reset-password', { token: 'x', password: NEW_PASSWORD });
    expect(dead.text).toContain(`href="/forgot-password?${CARRIED}"`);
    const elsewhere = pageClient(keyturn);
    expect((await elsewhere.get('/reset-password')).text).not.toContain('return_to');
    const reset = await browser.send('/reset-password', { token, password: NEW_PASSWORD });
    expect(reset.headers.location).toBe(`/login?${CARRIED}`);
    expect([...browser.others.keys()]).toEqual(['keyturn_notice']);
    expect(noteOn((await browser.get(`/login?${CARRIED}`)).text)).toMatch(/new password is set/);
  });

  test('return_to is carried nowhere that it may not lead', async () => {
    const browser = pageClient(keyturn);
    const fields = { email, return_to: 'https://evil.example/' };
    for (const path of ['/login', '/register', '/forgot-password', '/verify-email?done&x']) {
      const page = await browser.get(
        `${path}${path.includes('?') ? '&' : '?'}return_to=${encodeURIComponent(fields.return_to)}`,
      );
      expect([path, page.status, page.text.includes('evil')]).toEqual([path, 200, false]);
    }
    const asked = await browser.send('/forgot-password', fields);
    expect(asked.headers.location).toBe('/forgot-password?done&return_to=%2Faccount');
    expect(setCookies(asked)).toEqual([]);
    const wrong = await browser.send('/login', { ...fields, password: 'wrong wrong' });
    expect(wrong.text).not.toContain('evil');
    // Somebody who can plant cookies decides no more than somebody who can make links.
    for (const text of ['https://evil.example/', '//evil.example', '/account']) {
      const planted = Buffer.from(text).toString('base64url');
      browser.others.set('x', `keyturn_return_to=${planted}`);
      expect((await browser.get('/reset-password')).text).not.toMatch(/evil|return_to/);
    }
  });

  test('a later request without return_to forgets an earlier one, and so does one too long', async () => {
    const browser = pageClient(keyturn);
    for (const returnTo of [undefined, `/${'ü'.repeat(500)}`]) {
      await browser.send('/forgot-password', { email, return_to: '/app' });
      expect([...browser.others.keys()]).toEqual(['keyturn_return_to']);
      await browser.send('/forgot-password', {
        email,
        ...(returnTo !== undefined && { return_to: returnTo }),
      });
      expect([...browser.others.keys()]).toEqual([]);
    }
  });
});

test.each(DRIVERS)('return_to comes through a confirmed address, on $name', async (driver) => {
  const env = { EMAIL_VERIFICATION: 'required', ISSUER_URL: 'https://id.example.com' };
  const keyturn = await startKeyturn(driver, { env });
  try {
    const browser = pageClient(keyturn);
    const email = freshEmail();
    const fields = { email, password: PASSWORD, name: 'Ann', return_to: '/app' };
    const registered = await browser.send('/register', fields);
    expect(registered.text).toContain('href="/login?return_to=%2Fapp"');
    expect(setCookies(registered)).toEqual([
      '__Host-keyturn_return_to=L2FwcA; Max-Age=3600; Path=/; HttpOnly; SameSite=Strict; Secure',
    ]);
    await answerRequests(keyturn);
    const early = await browser.send('/login', { email, password: PASSWORD, return_to: '/app' });
    const [resend] =
      /<form method="post" action="\/verify-email">.*?<\/form>/s.exec(early.text) ?? [];
    expect(resend).toContain('name="return_to" value="/app"');
    const again = { action: 'resend', email, return_to: '/app' };
    expect((await browser.send('/verify-email', again)).headers.location).toBe(
      '/verify-email?sent&return_to=%2Fapp',
    );
    await answerRequests(keyturn);
    const token = await mailedToken(keyturn, email);
    const verified = await browser.send('/verify-email', { action: 'confirm', token });
    expect(verified.headers.location).toBe('/verify-email?done&return_to=%2Fapp');
    expect([...browser.others]).toEqual([]);
    const done = await browser.get('/verify-email?done&return_to=%2Fapp');
    expect(done.text).toContain('href="/login?return_to=%2Fapp">Go on<');
    expect((await browser.get('/verify-email?done')).text).toContain('href="/account">Go to your');
  } finally {
    await keyturn.close();
  }
});
