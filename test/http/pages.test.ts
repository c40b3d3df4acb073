import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { clientOf, freshEmail, PASSWORD, setCookies } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { APP_ORIGIN, ISSUER, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { faultBeside, pageClient } from '../support/page-client.ts';

const PAGES = ['/', '/login', '/register', '/forgot-password', '/reset-password', '/verify-email'];

describe.each(DRIVERS)('the hosted pages on $name', (driver) => {
  let keyturn: TestKeyturn;

  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
  });
  afterAll(() => keyturn.close());

  const sessionRow = async (email: string) =>
    (
      await keyturn.sql(
        `SELECT s.generation, s.rotated_at, s.last_used_at, s.ended_at FROM sessions s
         JOIN users u ON u.id = s.user_id WHERE u.email = $1`,
        [email],
      )
    )[0];

  test.each(PAGES)('%s is a page of its own, under a strict policy', async (path) => {
    const { status, headers, text } = await pageClient(keyturn).get(path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).toContain(`form-action 'self' ${APP_ORIGIN};`);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(text.match(/<h1>/g)).toHaveLength(1);
    expect(text).not.toMatch(/<script(?![^>]* src=)| on[a-z]+="| style="|<style/);
  });

  test('registers, and is then in by the cookie alone', async () => {
    const browser = pageClient(keyturn);
    const email = freshEmail();
    const fields = { email, password: PASSWORD, name: 'Ann <b>' };
    const registered = await browser.send('/register', fields);
    expect(registered).toMatchObject({ status: 303, headers: { location: '/account' } });
    expect(setCookies(registered)).toEqual([
      expect.stringMatching(/^keyturn_refresh=ktr_[\w-]+; .*HttpOnly; SameSite=Lax$/),
    ]);
    const account = await browser.get('/account');
    expect(account.status).toBe(200);
    expect(account.text).toContain('Hello, <bdi>Ann &lt;b&gt;</bdi></h1>');
    expect(account.text).not.toContain('<b>');
    expect((await browser.get('/')).headers.location).toBe('/account');
  });

  test('tells who is logged in so where one logs in or registers, and the way on', async () => {
    const browser = pageClient(keyturn);
    const email = freshEmail();
    await browser.register(email);
    for (const path of ['/login', '/register']) {
      const { text } = await browser.get(`${path}?return_to=%2Fapp`);
      expect(text).toContain(`You are logged in as <strong><bdi>Ann</bdi></strong> (${email}).`);
      expect(text).toContain('<a href="/app">Go on as <bdi>Ann</bdi></a>, or ');
      expect((await pageClient(keyturn).get(path)).text).not.toContain('logged in as');
    }
    // What is wrong with a form is said alone.
    const wrong = await browser.send('/register', { email: 'x', password: '', name: '' });
    expect(wrong.text).not.toContain('logged in as');
  });

  test('logs in, keeps what was typed after a mistake, and never the password', async () => {
    const { email } = await clientOf(keyturn).register();
    const browser = pageClient(keyturn);
    const wrong = await browser.send('/login', {
      email,
      password: 'SECRET-wrong',
      return_to: '/app',
    });
    expect(wrong.status).toBe(401);
    expect(wrong.text).toContain(`value="${email}"`);
    expect(wrong.text).toContain('name="return_to" value="/app"');
    expect(wrong.text).toContain('role="alert"');
    expect(wrong.text).not.toContain('SECRET-wrong');
    expect(setCookies(wrong)).toEqual([]);
    const right = await browser.send('/login', { email, password: PASSWORD, return_to: '/app' });
    expect(right).toMatchObject({ status: 303, headers: { location: '/app' } });
  });

  test('says no more of an unknown address than of a wrong password', async () => {
    const { email } = await clientOf(keyturn).register();
    const browser = pageClient(keyturn);
    const wrong = await browser.send('/login', { email, password: 'wrong wrong' });
    const other = freshEmail();
    const unknown = await browser.send('/login', { email: other, password: 'wrong wrong' });
    expect(unknown.status).toBe(wrong.status);
    expect(unknown.text.replaceAll(other, email)).toBe(wrong.text);
  });

  test.each([
    [
      { email: 'x', password: PASSWORD, name: 'Ann' },
      'email',
      'Enter an email address, like name@example.com.',
    ],
    [
      { email: '', password: PASSWORD, name: 'Ann' },
      'email',
      'Enter an email address, like name@example.com.',
    ],
    [{ email: 'a@example.com', password: '', name: 'Ann' }, 'password', 'Enter a password.'],
    [
      { email: 'a@example.com', password: PASSWORD, name: ' ' },
      'name',
      'Enter your name, in at most 200 characters.',
    ],
    [
      { email: 'a@example.com', password: 'short', name: 'Ann' },
      'password',
      'Choose a password of at least 8 characters.',
    ],
    [
      { email: 'a@example.com', password: 'password123', name: 'Ann' },
      'password',
      'This password is on lists of common ones; choose one that is not.',
    ],
  ])('says beside its field what is wrong with %j', async (fields, id, text) => {
    const answer = await pageClient(keyturn).send('/register', fields);
    expect(answer.status).toBe(400);
    expect(faultBeside(answer, id)).toBe(text);
    expect(answer.text).toContain('<title>Error: create an account');
    const input = new RegExp(`<input id="${id}"[^>]*>`).exec(answer.text)?.[0];
    expect(input).toContain('aria-invalid="true"');
    expect(input).toContain(`${id}-error"`);
    expect(input).toContain(' autofocus');
  });

  test('an address that is taken is said beside it', async () => {
    const { email } = await clientOf(keyturn).register();
    const fields = { email, password: PASSWORD, name: 'Eve' };
    const answer = await pageClient(keyturn).send('/register', fields);
    expect(answer.status).toBe(409);
    expect(faultBeside(answer, 'email')).toBe('There is an account with this address already.');
  });

  test.each([
    ['/app?x=1', '/app?x=1'],
    [`${APP_ORIGIN}/inbox`, `${APP_ORIGIN}/inbox`],
    [`${ISSUER}/app`, '/app'],
    ['https://evil.example/', '/account'],
    ['//evil.example', '/account'],
    ['/\\evil.example', '/account'],
    ['javascript:alert(1)', '/account'],
    [`${APP_ORIGIN}.evil.example/`, '/account'],
    [`${APP_ORIGIN.replace('https', 'http')}/`, '/account'],
  ])('after a login, return_to %s leads to %s', async (returnTo, where) => {
    const browser = pageClient(keyturn);
    const fields = { email: freshEmail(), password: PASSWORD, name: 'Ann', return_to: returnTo };
    expect(await browser.send('/register', fields)).toMatchObject({
      status: 303,
      headers: { location: where },
    });
    const page = await browser.get(`/login?return_to=${encodeURIComponent(returnTo)}`);
    expect(page.text).toContain(`name="return_to" value="${where}"`);
    expect(page.text).not.toContain('evil.example');
  });

  test.each([
    ['of another site', { Origin: 'https://evil.example' }],
    ['of null', { Origin: 'null' }],
    ['of a sibling port', { Origin: `${ISSUER}1` }],
  ])('a form with an Origin %s is refused, and nothing has happened', async (_which, headers) => {
    const email = freshEmail();
    const browser = pageClient(keyturn);
    await browser.register(email);
    const before = await sessionRow(email);
    const forms: [string, Record<string, string>][] = [
      ['/login', { email, password: PASSWORD }],
      ['/register', { email: freshEmail(), password: PASSWORD, name: 'Ann' }],
      ['/forgot-password', { email }],
      ['/reset-password', { token: 'x', password: PASSWORD }],
      ['/verify-email', { action: 'confirm', token: 'x' }],
      ['/account', { action: 'sign_out' }],
      ['/account', { action: 'sign_out_everywhere' }],
      ['/account', { action: 'name', name: 'Eve' }],
      ['/account', { action: 'delete', current_password: PASSWORD }],
    ];
    for (const [path, fields] of forms) {
      const answer = await browser.send(path, fields, headers);
      expect([path, answer.status, setCookies(answer)]).toEqual([path, 403, []]);
      expect(answer.text).toContain('The request did not come from an allowed origin');
    }
    expect(await sessionRow(email)).toEqual(before);
    expect((await browser.get('/account')).text).toContain('Hello, <bdi>Ann<');
  });

  test('a GET neither rotates the token nor uses the session', async () => {
    const email = freshEmail();
    const browser = pageClient(keyturn);
    await browser.register(email);
    const before = await sessionRow(email);
    keyturn.clock.advance(seconds(3600));
    for (const path of [...PAGES, '/account', '/account?action=sign_out', '/login?reason=stolen']) {
      const answer = await browser.get(path);
      expect([path, setCookies(answer)]).toEqual([path, []]);
    }
    expect(await sessionRow(email)).toEqual(before);
  });

  test('takes the token that another tab has just consumed, and no older one', async () => {
    const email = freshEmail();
    const browser = pageClient(keyturn);
    await browser.register(email);
    const cookies: (string | undefined)[] = [browser.cookie];
    for (let i = 0; i < 2; i++) {
      keyturn.clock.advance(seconds(60));
      const headers = { Origin: ISSUER, Cookie: browser.cookie ?? '' };
      const answer = await clientOf(keyturn).post('/api/auth/refresh', {}, headers);
      browser.cookie = setCookies(answer)[0]?.split(';')[0];
      cookies.push(browser.cookie);
    }
    const statuses: number[] = [];
    for (const cookie of cookies) {
      browser.cookie = cookie;
      statuses.push((await browser.get('/account')).status);
    }
    expect(statuses).toEqual([303, 200, 200]);
    expect(await sessionRow(email)).toMatchObject({ generation: 3, ended_at: null });
  });

  test.each([
    ['a field twice', 'email=a%40example.com&email=b%40example.com&password=x'],
    ['an unknown field', 'email=a%40example.com&password=x&admin=1'],
    ['broken encoding', 'email=%zz'],
    ['no UTF-8', 'email=%ff'],
    ['__proto__', '__proto__=1&email=a%40example.com&password=x'],
  ])('a login form with %s is a page with status 400', async (_what, body) => {
    const answer = await clientOf(keyturn)
      .get('/login')
      .then(() =>
        fetch(`${keyturn.url}/login`, {
          method: 'POST',
          headers: {
            Origin: ISSUER,
            Accept: 'text/html',
            'Content-Type': 'application/x-www-form-urlencoded',
          },
          body,
        }),
      );
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('<h1>The request is not valid</h1>');
  });

  test('errors are pages for browsers, and problems for programs', async () => {
    const browser = pageClient(keyturn);
    const page = await browser.get('/nowhere');
    expect(page).toMatchObject({ status: 404, type: 'text/html' });
    expect(page.text).toContain('<h1>There is nothing here</h1>');
    expect(page.text).toContain(String(page.headers['x-request-id']));
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    for (const [path, accept] of [
      ['/nowhere', 'application/json'],
      ['/nowhere', '*/*'],
      ['/api/nowhere', 'text/html'],
    ] as const) {
      const answer = await browser.get(path, { Accept: accept });
      expect(answer).toMatchObject({ status: 404, type: 'application/problem+json' });
    }
    const put = await fetch(`${keyturn.url}/login`, {
      method: 'PUT',
      headers: { Accept: 'text/html' },
    });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'HEAD, GET, POST, OPTIONS']);
  });

  test('a page that is opened under another name of this machine moves to its own', async () => {
    const browser = pageClient(keyturn);
    for (const host of ['127.0.0.1:3000', '[::1]:3000', 'keyturn.localhost:3000', '127.0.0.1']) {
      const answer = await browser.get('/login?return_to=%2Fapp', { Host: host });
      expect([host, answer.status, answer.headers.location]).toEqual([
        host,
        307,
        `${ISSUER}/login?return_to=%2Fapp`,
      ]);
    }
    for (const host of ['localhost:3000', 'localhost', 'evil.example', 'localhost.evil.example']) {
      expect([host, (await browser.get('/login', { Host: host })).status]).toEqual([host, 200]);
    }
    const api = await browser.get('/api/auth/me', { Host: '127.0.0.1:3000' });
    expect(api.status).toBe(401);
  });

  test('a slash behind the path of a page leads to the page, and never elsewhere', async () => {
    const browser = pageClient(keyturn);
    for (const path of [...PAGES.slice(1), '/account', '/app', '/docs']) {
      const { status, headers } = await browser.get(`${path}/?return_to=%2F%2Fevil.example&a=`);
      expect([status, headers.location]).toEqual([308, `${path}?return_to=%2F%2Fevil.example&a=`]);
      expect((await browser.get(`${path}/`)).headers.location).toBe(path);
    }
    for (const path of [
      ...['//', '//login/', '//evil.example/', '//evil.example/login/', '/login//', '/login/x/'],
      ...['/api/auth/me/', '/api/users/me/todos/', '/healthz/', '/.well-known/jwks.json/'],
    ]) {
      const answer = await fetch(`${keyturn.url}${path}`, { redirect: 'manual' });
      expect([path, answer.status, answer.headers.get('location')]).toEqual([path, 404, null]);
    }
    const sent = await browser.send('/login/', { email: 'a@example.com', password: PASSWORD });
    expect([sent.status, sent.headers.location]).toEqual([405, undefined]);
  });

  test.each(['session_ended', 'expired', 'stolen', 'signed_out'])(
    'says why one has to log in: %s',
    async (reason) => {
      const { text } = await pageClient(keyturn).get(`/login?reason=${reason}`);
      expect(text).toMatch(/<div class="note" role="status"><p>[A-Z]/);
    },
  );

  test('says nothing of a reason that it does not know', async () => {
    for (const reason of ['<script>', 'constructor', '__proto__', '']) {
      const { text } = await pageClient(keyturn).get(`/login?reason=${encodeURIComponent(reason)}`);
      expect(text).not.toContain('class="note"');
    }
  });
});
