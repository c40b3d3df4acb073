import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerRequests, NEW_PASSWORD } from '../support/accounts.ts';
import { clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { faultBeside, type PageClient, pageClient } from '../support/page-client.ts';

describe.each(DRIVERS)('the account page on $name', (driver) => {
  let keyturn: TestKeyturn;
  let browser: PageClient;
  let email: string;

  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    browser = pageClient(keyturn);
    email = freshEmail();
    await browser.register(email);
  });
  afterAll(() => keyturn.close());

  const loggedIn = async (userAgent: string): Promise<PageClient> => {
    const other = pageClient(keyturn);
    await other.send('/login', { email, password: PASSWORD }, { 'User-Agent': userAgent });
    return other;
  };
  const done = { status: 303, headers: { location: '/account' } };

  test('is for those who are logged in', async () => {
    const stranger = pageClient(keyturn);
    expect(await stranger.get('/account')).toMatchObject({
      status: 303,
      headers: { location: '/login?return_to=%2Faccount' },
    });
    expect(await stranger.send('/account', { action: 'name', name: 'Eve' })).toMatchObject({
      status: 303,
      headers: { location: '/login?reason=session_ended&return_to=%2Faccount' },
    });
  });

  test('changes the name', async () => {
    expect(await browser.send('/account', { action: 'name', name: 'Ada' })).toMatchObject(done);
    expect((await browser.get('/account')).text).toContain('Hello, <bdi>Ada<');
    const empty = await browser.send('/account', { action: 'name', name: ' ' });
    expect(empty.status).toBe(400);
    expect(faultBeside(empty, 'name')).toBe('Enter your name, in at most 200 characters.');
  });

  test('is compressed for who wants that, unless it repeats what was sent', async () => {
    const plain = await browser.get('/account', { 'Accept-Encoding': 'identity' });
    const small = await browser.get('/account', { 'Accept-Encoding': 'br, gzip' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(small.headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: 'Origin, Accept-Encoding',
      'cache-control': 'no-store',
    });
    expect(small.text).toBe(plain.text);
    expect(Number(small.headers['content-length'])).toBeLessThan(plain.text.length / 2);
    const repeated = await browser.send('/account', { action: 'email', email: 'typed' });
    expect(repeated.text).toContain('value="typed"');
    expect(repeated.headers['content-encoding']).toBeUndefined();
  });

  test('shows each session by its device and ends one', async () => {
    const phone = await loggedIn(
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604',
    );
    const { text } = await browser.get('/account');
    expect(text).toContain('<strong>Safari on iPhone</strong>');
    expect(text.match(/This device/g)).toHaveLength(1);
    const session = /name="session" value="([^"]+)"/.exec(text)?.[1] ?? '';
    expect(await browser.send('/account', { action: 'end_session', session })).toMatchObject(done);
    expect((await phone.get('/account')).status).toBe(303);
    expect((await browser.get('/account')).status).toBe(200);
  });

  test('ends no session of somebody else', async () => {
    const victim = await clientOf(keyturn).register();
    for (const session of [victim.sessionId, 'x', '']) {
      await browser.send('/account', { action: 'end_session', session });
    }
    expect((await clientOf(keyturn).me(victim)).status).toBe(200);
  });

  test('a wrong current password is said beside its field, and only in its form', async () => {
    const fields = { action: 'email', email: freshEmail(), current_password: 'wrong wrong' };
    const answer = await browser.send('/account', fields);
    expect(answer.status).toBe(400);
    expect(faultBeside(answer, 'email-password')).toBe('That is not your current password.');
    expect(answer.text).toContain(`value="${fields.email}"`);
    expect(answer.text.match(/class="error"/g)).toHaveLength(1);
    expect(answer.text).not.toContain('wrong wrong');
  });

  test('changes the password and logs out the others', async () => {
    const other = await loggedIn('curl/8');
    const fields = { action: 'password', current_password: PASSWORD, new_password: NEW_PASSWORD };
    expect(await browser.send('/account', fields)).toMatchObject(done);
    expect((await other.get('/account')).status).toBe(303);
    expect((await browser.get('/account')).status).toBe(200);
    await browser.send('/account', {
      action: 'password',
      current_password: NEW_PASSWORD,
      new_password: PASSWORD,
    });
  });

  test.each(['', 'nothing', 'constructor', '__proto__', 'toString'])(
    'a form that asks for %j is refused',
    async (action) => {
      expect((await browser.send('/account', { action })).status).toBe(400);
    },
  );

  test('logs out, and logs out everywhere', async () => {
    const [one, two] = [await loggedIn('curl/8'), await loggedIn('curl/9')];
    expect(await one.send('/account', { action: 'sign_out' })).toMatchObject({
      status: 303,
      headers: { location: '/login' },
    });
    expect(one.cookie).toBeUndefined();
    expect((await two.get('/account')).status).toBe(200);
    await browser.send('/account', { action: 'sign_out_everywhere' });
    expect([browser.cookie, (await two.get('/account')).status]).toEqual([undefined, 303]);
  });

  test('deletes the account, with its password alone', async () => {
    const mine = await loggedIn('curl/8');
    const wrong = await mine.send('/account', {
      action: 'delete',
      current_password: 'wrong wrong',
    });
    expect(faultBeside(wrong, 'delete-password')).toBe('That is not your current password.');
    expect(wrong.text).toContain('<details open>');
    const gone = await mine.send('/account', { action: 'delete', current_password: PASSWORD });
    expect(gone.headers.location).toBe('/login');
    expect((await mine.get('/login')).text).toContain('all that belonged to it is gone');
    expect((await mine.send('/login', { email, password: PASSWORD })).status).toBe(401);
  });
});

describe('with other settings', () => {
  const [, driver] = DRIVERS;
  if (!driver) throw new Error('there is a second driver');

  test('addresses that are confirmed first', async () => {
    const keyturn = await startKeyturn(driver, { env: { EMAIL_VERIFICATION: 'required' } });
    try {
      const browser = pageClient(keyturn);
      const email = freshEmail();
      const fields = { email, password: PASSWORD, name: 'Ann' };
      const registered = await browser.send('/register', fields);
      expect([registered.status, browser.cookie]).toEqual([202, undefined]);
      expect(registered.text).toContain('<h1>Check your mail</h1>');
      await answerRequests(keyturn);
      const early = await browser.send('/login', { email, password: PASSWORD });
      expect(early.status).toBe(403);
      expect(early.text).toContain('Send the link again');
      const again = await browser.send('/verify-email', { action: 'resend', email });
      expect(again.headers.location).toBe('/verify-email?sent');
      await answerRequests(keyturn);
      // Without scripts the whole link is pasted.
      const link = `${keyturn.issuer}/verify-email#token=${await mailedToken(keyturn, email)}`;
      const verify = { action: 'confirm', token: ` ${link} ` };
      // As it stands in the raw mail, where the link is broken and its `=` is spelled out.
      const raw = link.replace('=', '=3D').replace(/(.{80})/, '$1=\n');
      expect(raw).not.toBe(link);
      const verified = await browser.send('/verify-email', { ...verify, token: raw });
      expect(verified.headers.location).toBe('/verify-email?done');
      const twice = await browser.send('/verify-email', verify);
      expect(twice.status).toBe(400);
      expect(twice.text).toContain('This link does not work any more');
      expect((await browser.send('/login', { email, password: PASSWORD })).status).toBe(303);
    } finally {
      await keyturn.close();
    }
  });

  test('closed registration, a brand, a proxy in front, and limits', async () => {
    const keyturn = await startKeyturn(driver, {
      env: {
        REGISTRATION: 'closed',
        BRAND_NAME: 'Tea & <Co>',
        BRAND_LOGO: 'https://cdn.example.com/logo.svg',
        BRAND_COLOR: '#e91e63',
        TRUST_PROXY: '1',
        RATE_LIMIT: 'on',
      },
    });
    try {
      const browser = pageClient(keyturn);
      const login = await browser.get('/login', { Host: '127.0.0.1:3000' });
      expect(login.status).toBe(200);
      expect(login.text).toContain('Tea &amp; &lt;Co&gt;</title>');
      expect(login.text).toContain('<img src="https://cdn.example.com/logo.svg" alt="">');
      expect(login.headers['content-security-policy']).toContain(
        "img-src 'self' https://cdn.example.com;",
      );
      expect(login.text).not.toContain('href="/register');
      const style = /href="(\/assets\/brand-[^"]+\.css)"/.exec(login.text)?.[1] ?? '';
      expect((await browser.get(style)).text).toMatch(/^:root\{--accent:#/);
      const app = await browser.get('/app');
      expect(app.text).toContain('<title>Todos · Tea &amp; &lt;Co&gt;</title>');
      expect(app.text).toContain('<img src="https://cdn.example.com/logo.svg" alt="">');
      expect(app.text.indexOf(style)).toBeGreaterThan(app.text.indexOf('/assets/theme-'));
      expect(app.headers['content-security-policy']).toContain(
        "img-src 'self' https://cdn.example.com;",
      );
      expect((await browser.get('/register')).text).toContain('<h1>Registration is closed</h1>');
      const fields = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
      const refused = await browser.send('/register', fields);
      expect(refused.status).toBe(403);
      expect(refused.text).toContain('<h1>Registration is closed</h1>');

      const forget = () => browser.send('/forgot-password', { email: fields.email });
      let answer = await forget();
      for (let i = 0; i < 100 && answer.status === 303; i++) answer = await forget();
      expect(answer.status).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.text).toMatch(/Too many tries\. Please try again in \d+ (seconds|minutes)\./);
      expect(answer.text).toContain(`value="${fields.email}"`);
    } finally {
      await keyturn.close();
    }
  });
});
