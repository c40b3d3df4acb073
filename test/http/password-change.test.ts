import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressToken, forgottenToken, NEW_PASSWORD } from '../support/accounts.ts';
import {
  bearer,
  type Client,
  clientOf,
  freshEmail,
  PASSWORD,
  type SignedIn,
} from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken, mailsTo } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

describe.each(DRIVERS)('POST /api/auth/password/change on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const change = (who: SignedIn, newPassword = NEW_PASSWORD, currentPassword = PASSWORD) =>
    client.post(
      '/api/auth/password/change',
      { current_password: currentPassword, new_password: newPassword },
      bearer(who.accessToken),
    );
  const logIn = (who: SignedIn, password: string) =>
    client.post('/api/auth/login', { email: who.email, password });

  test('sets the new password and ends every other session', async () => {
    const ann = await client.register();
    const phone = await client.login(ann);
    const response = await change(phone);
    expect({ status: response.status, text: response.text }).toEqual({ status: 204, text: '' });

    expect((await client.me(phone)).status).toBe(200);
    expect((await client.refresh(phone.refreshToken)).status).toBe(200);
    expectProblem(await client.me(ann), 401, 'session_ended');
    expectProblem(await client.refresh(ann.refreshToken), 401, 'invalid_refresh_token');
    expectProblem(await logIn(ann, PASSWORD), 401, 'invalid_credentials');
    expect((await logIn(ann, NEW_PASSWORD)).status).toBe(200);
    expect((await mailsTo(keyturn, ann.email)).length).toBe(2);
    expect(keyturn.events('password_changed', phone.sessionId)).toHaveLength(1);
  });

  test("voids every outstanding link of the account, and no one else's", async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    const verify = await mailedToken(keyturn, ann.email);
    const token = await forgottenToken(keyturn, client, ann);
    const other = await forgottenToken(keyturn, client, bob);
    const address = { email: freshEmail(), password: PASSWORD };
    const move = await addressToken(keyturn, client, ann, address);
    await change(ann).expect(204);
    const reset = (of: string) =>
      client.post('/api/auth/password/reset', { token: of, password: 'yet another phrase' });
    expectProblem(await reset(token), 400, 'invalid_token');
    for (const link of [verify, move]) {
      const response = await client.post('/api/auth/email/verify', { token: link });
      expectProblem(response, 400, 'invalid_token');
    }
    await reset(other).expect(204);
  });

  test('a wrong current password changes nothing and is recorded', async () => {
    const ann = await client.register();
    const phone = await client.login(ann);
    for (const wrong of ['', NEW_PASSWORD, PASSWORD.toUpperCase(), `${PASSWORD} `]) {
      const response = await change(ann, NEW_PASSWORD, wrong);
      expectProblem(response, 400, 'wrong_password', ['current_password']);
    }
    expect((await client.me(phone)).status).toBe(200);
    expect(keyturn.events('password_refused', ann.sessionId)).toHaveLength(4);
    expect((await logIn(ann, PASSWORD)).status).toBe(200);
  });

  test.each([
    ['a short one', 'x7-Gq!z', 'weak_password'],
    ['a common one', 'password123', 'weak_password'],
    ['129 characters', 'x'.repeat(129), 'invalid_request'],
    ['NUL', 'correct horse\u0000battery', 'invalid_request'],
  ])('refuses a new password: %s', async (_, password, code) => {
    const ann = await client.register();
    expectProblem(await change(ann, password), 400, code, ['new_password']);
    expect((await logIn(ann, PASSWORD)).status).toBe(200);
  });

  test('of two changes at once one wins, and the other password never works', async () => {
    const ann = await client.register();
    const passwords = Array.from({ length: 5 }, (_, i) => `${NEW_PASSWORD} ${i}`);
    const responses = await Promise.all(passwords.map((password) => change(ann, password)));
    const won = passwords.filter((_, i) => responses[i]?.status === 204);
    expect(won).toHaveLength(1);
    for (const response of responses) {
      if (response.status === 204) continue;
      expectProblem(response, 400, 'wrong_password', ['current_password']);
    }
    const logins = await Promise.all(passwords.map((password) => logIn(ann, password)));
    expect(passwords.filter((_, i) => logins[i]?.status === 200)).toEqual(won);
  });

  test('an account without a password has none that is right', async () => {
    const ann = await client.register();
    await keyturn.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [ann.userId]);
    expectProblem(await change(ann), 400, 'wrong_password', ['current_password']);
  });

  test('the same password again is a change too', async () => {
    const ann = await client.register();
    const phone = await client.login(ann);
    await change(ann, PASSWORD).expect(204);
    expectProblem(await client.me(phone), 401, 'session_ended');
  });
});
