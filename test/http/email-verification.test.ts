import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import {
  answerRequests,
  expectAccepted,
  forgottenToken,
  NEW_PASSWORD,
} from '../support/accounts.ts';
import {
  bearer,
  browserAt,
  type Client,
  claimsOf,
  clientOf,
  freshEmail,
  PASSWORD,
  setCookies,
} from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken, mailsTo } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const verify = (client: Client, token: string) => client.post('/api/auth/email/verify', { token });
const verified = (keyturn: TestKeyturn, email: string) =>
  keyturn.sql('SELECT id FROM users WHERE email = $1 AND email_verified', [email]);

describe.each(DRIVERS)('verifying an address on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  /** The events of who asked for the link once more. */
  const asked = (userId: string) =>
    keyturn.events('email_verification_requested').filter((event) => event.user_id === userId);

  test('registering mails a link, which verifies once', async () => {
    const ann = await client.register();
    const token = await mailedToken(keyturn, ann.email);
    const [mail] = await mailsTo(keyturn, ann.email);
    expect(mail?.links).toContain(`${keyturn.issuer}/verify-email#token=${token}`);
    expect((await client.me(ann)).body.email_verified).toBe(false);
    // A mail scanner opens links.
    await client.get('/verify-email');

    const response = await verify(client, token);
    expect({ status: response.status, text: response.text }).toEqual({ status: 204, text: '' });
    expect((await client.me(ann)).body.email_verified).toBe(true);
    const { body } = await client.refresh(ann.refreshToken);
    expect(claimsOf(body.access_token).email_verified).toBe(true);
    expectProblem(await verify(client, token), 400, 'invalid_token');
    expect(keyturn.events('email_verified')).toHaveLength(1);
  });

  test('leaves the other links of the account alone', async () => {
    const ann = await client.register();
    const token = await mailedToken(keyturn, ann.email);
    const reset = await forgottenToken(keyturn, client, ann);
    await verify(client, token).expect(204);
    const chosen = { token: reset, password: NEW_PASSWORD };
    await client.post('/api/auth/password/reset', chosen).expect(204);
  });

  test('of fifty at once one verifies', async () => {
    const ann = await client.register();
    const token = await mailedToken(keyturn, ann.email);
    const responses = await Promise.all(Array.from({ length: 50 }, () => verify(client, token)));
    expect(responses.filter(({ status }) => status === 204)).toHaveLength(1);
  });

  test('a link works for a day', async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    const tokens = [
      await mailedToken(keyturn, ann.email),
      await mailedToken(keyturn, bob.email),
    ] as const;
    keyturn.clock.advance(seconds(24 * 3600 - 1));
    await verify(client, tokens[0]).expect(204);
    keyturn.clock.advance(seconds(1));
    expectProblem(await verify(client, tokens[1]), 400, 'invalid_token');
  });

  test('is asked for again by who is signed in; the link before is void', async () => {
    const ann = await client.register();
    const first = await mailedToken(keyturn, ann.email);
    keyturn.clock.advance(seconds(1));
    const resend = () => client.post('/api/auth/email/resend', {}, bearer(ann.accessToken));
    expectAccepted(await resend());
    const second = await mailedToken(keyturn, ann.email);
    expectProblem(await verify(client, first), 400, 'invalid_token');
    await verify(client, second).expect(204);
    const mails = (await mailsTo(keyturn, ann.email)).length;
    expectAccepted(await resend());
    expect(await mailsTo(keyturn, ann.email)).toHaveLength(mails);
    expect(asked(ann.userId)).toHaveLength(1);
    const both = await client.post(
      '/api/auth/email/resend',
      { email: ann.email },
      bearer(ann.accessToken),
    );
    expectProblem(both, 400, 'invalid_request', ['email']);
    const forged = await client.post('/api/auth/email/resend', {}, bearer('x'));
    expectProblem(forged, 401, 'token_malformed');
  });

  test('is asked for again by address, whatever the address', async () => {
    const ann = await client.register();
    const resend = async (email: string) => {
      keyturn.clock.advance(seconds(1));
      expectAccepted(await client.post('/api/auth/email/resend', { email }));
      await answerRequests(keyturn);
    };
    const first = await mailedToken(keyturn, ann.email);
    await resend(ann.email.toUpperCase());
    const second = await mailedToken(keyturn, ann.email);
    expect(second).not.toBe(first);
    await verify(client, second).expect(204);
    const mails = (await mailsTo(keyturn, ann.email)).length;
    await resend(ann.email);
    expect(await mailsTo(keyturn, ann.email)).toHaveLength(mails);
    const nobody = freshEmail();
    await resend(nobody);
    expect(await mailsTo(keyturn, nobody)).toEqual([]);
    expect(asked(ann.userId)).toHaveLength(1);
  });
});

describe.each(DRIVERS)('EMAIL_VERIFICATION=required on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { EMAIL_VERIFICATION: 'required' } });
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const register = async (email: string, password = PASSWORD, fields = {}) => {
    keyturn.clock.advance(seconds(1));
    const body = { email, password, name: 'Ann', ...fields };
    const response = await client.post('/api/auth/register', body);
    await answerRequests(keyturn);
    return response;
  };
  const logIn = (email: string, password = PASSWORD) =>
    client.post('/api/auth/login', { email, password });

  test('registering signs nobody in; who has verified logs in', async () => {
    const email = freshEmail();
    const response = await register(email);
    expectAccepted(response);
    expect(setCookies(response)).toEqual([]);
    expectProblem(await logIn(email), 403, 'email_not_verified');
    expectProblem(await logIn(email, NEW_PASSWORD), 401, 'invalid_credentials');
    await verify(client, await mailedToken(keyturn, email)).expect(204);
    expect((await logIn(email)).body.user).toMatchObject({ email, email_verified: true });
  });

  test('who is disabled hears that, verified or not', async () => {
    const email = freshEmail();
    await register(email);
    const sql = 'UPDATE users SET disabled_at = created_at WHERE email = $1';
    await keyturn.sql(sql, [email]);
    expectProblem(await logIn(email), 403, 'account_disabled');
    expectProblem(await logIn(email, NEW_PASSWORD), 401, 'invalid_credentials');
  });

  test('who logs in right after registering hears that the address is not verified', async () => {
    for (let i = 0; i < 5; i++) {
      const [email, other] = [freshEmail(), freshEmail()];
      for (const one of [other, email]) {
        await client.post('/api/auth/register', { email: one, password: PASSWORD, name: 'Ann' });
      }
      expectProblem(await logIn(email), 403, 'email_not_verified');
      expectProblem(await logIn(freshEmail()), 401, 'invalid_credentials');
      await verify(client, await mailedToken(keyturn, email)).expect(204);
    }
  });

  test('a registration that cannot be answered keeps nobody from logging in', async () => {
    const email = freshEmail();
    await register(email);
    await verify(client, await mailedToken(keyturn, email)).expect(204);
    await client.post('/api/auth/register', { email, password: PASSWORD, name: 'Ann' });
    await keyturn.sql('ALTER TABLE outbox_mails RENAME TO elsewhere');
    try {
      expect((await logIn(email)).status).toBe(200);
    } finally {
      await keyturn.sql('ALTER TABLE elsewhere RENAME TO outbox_mails');
    }
  });

  test('a browser gets no cookie either', async () => {
    const browser = browserAt(keyturn);
    const body = { email: freshEmail(), password: PASSWORD, name: 'Ann', delivery: 'cookie' };
    expectAccepted(await browser.post('/api/auth/register', body));
    expect(browser.cookie).toBeUndefined();
  });

  test('a taken address gets the same answer, and its owner a mail without a link', async () => {
    const email = freshEmail();
    await register(email);
    await verify(client, await mailedToken(keyturn, email)).expect(204);
    expectAccepted(await register(email, NEW_PASSWORD));
    const notice = (await mailsTo(keyturn, email)).at(-1);
    expect(notice?.links.join()).not.toContain('token=');
    expectProblem(await logIn(email, NEW_PASSWORD), 401, 'invalid_credentials');
    expect((await logIn(email)).status).toBe(200);
  });

  test('whoever registers an address first cannot lie in wait for its owner', async () => {
    const email = freshEmail();
    const hers = `${PASSWORD} of hers`;
    await register(email, 'the password of a stranger', { name: 'Mallory' });
    const first = await mailedToken(keyturn, email);
    await register(email, hers);
    // The stranger has the link sent again, and registers once more, before she reads her mail.
    const last = await mailedToken(keyturn, email);
    await client.post('/api/auth/email/resend', { email });
    await answerRequests(keyturn);
    await register(email, 'the password of a stranger');
    const newest = await mailedToken(keyturn, email);
    for (const token of [first, last]) {
      expectProblem(await verify(client, token), 400, 'invalid_token');
    }
    expectProblem(await verify(client, newest), 400, 'invalid_token');
    expect(await verified(keyturn, email)).toEqual([]);
    const events = `SELECT event, reason FROM audit_events
      WHERE user_id = (SELECT id FROM users WHERE email = $1) ORDER BY at`;
    const event = 'email_verification_requested';
    expect(await keyturn.sql(events, [email])).toEqual([
      { event: 'registered', reason: null },
      { event, reason: 'registered_again' },
      { event, reason: null },
      { event, reason: 'registered_again' },
    ]);
    for (const password of ['the password of a stranger', hers]) {
      expectProblem(await logIn(email, password), 401, 'invalid_credentials');
    }
    const chosen = { token: newest, password: NEW_PASSWORD };
    await client.post('/api/auth/password/reset', chosen).expect(204);
    expect((await logIn(email, NEW_PASSWORD)).body.user).toMatchObject({ email, name: 'Ann' });
    expectProblem(await logIn(email, 'the password of a stranger'), 401, 'invalid_credentials');
  });

  test('of registrations at once there comes one account, and nobody knows its password', async () => {
    const email = freshEmail();
    const passwords = Array.from({ length: 6 }, (_, i) => `${PASSWORD} ${i}`);
    const responses = await Promise.all(
      passwords.map((password) =>
        client.post('/api/auth/register', { email, password, name: 'Ann' }),
      ),
    );
    for (const response of responses) expectAccepted(response);
    await answerRequests(keyturn);
    const rows = await keyturn.sql('SELECT password_hash FROM users WHERE email = $1', [email]);
    expect(rows).toEqual([{ password_hash: null }]);
    expect(await keyturn.sql('SELECT id FROM account_requests')).toEqual([]);
  });

  test('a weak password is refused before anything is kept', async () => {
    const email = freshEmail();
    const body = { email, password: 'password123', name: 'Ann' };
    const response = await client.post('/api/auth/register', body);
    expectProblem(response, 400, 'weak_password', ['password']);
    await answerRequests(keyturn);
    expect(await keyturn.sql('SELECT id FROM users WHERE email = $1', [email])).toEqual([]);
  });

  test('a forgotten password verifies as well', async () => {
    const email = freshEmail();
    await register(email);
    const token = await forgottenToken(keyturn, client, { email });
    const reset = { token, password: NEW_PASSWORD };
    await client.post('/api/auth/password/reset', reset).expect(204);
    expect((await logIn(email, NEW_PASSWORD)).status).toBe(200);
  });

  test('what waits when the process stops is answered by the next', async () => {
    const email = freshEmail();
    expectAccepted(
      await client.post('/api/auth/register', { email, password: PASSWORD, name: 'A' }),
    );
    // The job itself, without help.
    await expect.poll(() => mailsTo(keyturn, email), { timeout: 60_000 }).toHaveLength(1);
  });
});
