import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { addressToken, expectAccepted, forgottenToken, NEW_PASSWORD } from '../support/accounts.ts';
import {
  bearer,
  type Client,
  claimsOf,
  clientOf,
  freshEmail,
  PASSWORD,
  type SignedIn,
} from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken, mailsTo } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

describe.each(DRIVERS)('a change of address on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const ask = (who: SignedIn, email: string, password = PASSWORD) =>
    client.post(
      '/api/auth/email/change',
      { email, current_password: password },
      bearer(who.accessToken),
    );
  const confirm = (token: string) => client.post('/api/auth/email/verify', { token });

  test('takes effect when the mail to the new address is confirmed', async () => {
    const ann = await client.register();
    const email = freshEmail();
    const reset = await forgottenToken(keyturn, client, ann);
    const token = await addressToken(keyturn, client, ann, { email, password: PASSWORD });
    const [mail] = await mailsTo(keyturn, email);
    expect(mail?.links).toContain(`${keyturn.issuer}/verify-email#token=${token}`);
    expect((await client.me(ann)).body.email).toBe(ann.email);
    expect((await client.login(ann)).userId).toBe(ann.userId);
    expect(keyturn.events('email_change_requested', ann.sessionId)).toHaveLength(1);
    const told = (await mailsTo(keyturn, ann.email)).length;

    keyturn.clock.advance(seconds(1));
    const response = await confirm(token);
    expect({ status: response.status, text: response.text }).toEqual({ status: 204, text: '' });
    expect((await client.me(ann)).body).toMatchObject({ email, email_verified: true });
    const refreshed = await client.refresh(ann.refreshToken);
    expect(claimsOf(refreshed.body.access_token)).toMatchObject({ email, email_verified: true });
    expect((await client.login({ email })).userId).toBe(ann.userId);
    const old = { email: ann.email, password: PASSWORD };
    expectProblem(await client.post('/api/auth/login', old), 401, 'invalid_credentials');
    // The old address hears of it, and nothing that was mailed there works any longer.
    expect(await mailsTo(keyturn, ann.email)).toHaveLength(told + 1);
    const voided = { token: reset, password: NEW_PASSWORD };
    expectProblem(await client.post('/api/auth/password/reset', voided), 400, 'invalid_token');
    expectProblem(await confirm(token), 400, 'invalid_token');
    expect(keyturn.events('email_changed')).toHaveLength(1);
  });

  test('needs the current password', async () => {
    const ann = await client.register();
    const email = freshEmail();
    const refused = await ask(ann, email, NEW_PASSWORD);
    expectProblem(refused, 400, 'wrong_password', ['current_password']);
    expect(await mailsTo(keyturn, email)).toEqual([]);
    expectProblem(await ask(ann, ann.email.toUpperCase()), 400, 'invalid_request', ['email']);
  });

  test('does not tell that an address is taken, but its owner', async () => {
    const ann = await client.register();
    const bob = await client.register();
    const first = freshEmail();
    const before = await addressToken(keyturn, client, ann, { email: first, password: PASSWORD });
    const mailed = (await mailsTo(keyturn, ann.email)).length;
    keyturn.clock.advance(seconds(1));
    const taken = await ask(ann, bob.email);
    // An earlier link is void either way.
    expectProblem(await confirm(before), 400, 'invalid_token');
    const free = await ask(ann, freshEmail());
    for (const response of [taken, free]) expectAccepted(response);
    const headers = ['date', 'x-request-id'];
    const kept = ({ headers: all }: typeof taken) =>
      Object.entries(all).filter(([name]) => !headers.includes(name));
    expect(kept(taken)).toEqual(kept(free));
    // The old address is told either way.
    expect(await mailsTo(keyturn, ann.email)).toHaveLength(mailed + 2);
    const notice = (await mailsTo(keyturn, bob.email)).at(-1);
    expect(notice?.text).toContain('account');
    expect(notice?.links.join()).not.toContain('token=');
    expect((await client.me(bob)).body.email).toBe(bob.email);
  });

  test('that somebody has taken meanwhile fails, and consumes nothing', async () => {
    const ann = await client.register();
    const email = freshEmail();
    const token = await addressToken(keyturn, client, ann, { email, password: PASSWORD });
    const bob = await client.register({ email });
    expectProblem(await confirm(token), 409, 'email_taken');
    expect((await client.me(ann)).body.email).toBe(ann.email);
    const body = { current_password: PASSWORD };
    await client.delete('/api/auth/me', bearer(bob.accessToken)).send(body).expect(204);
    await confirm(token).expect(204);
    expect((await client.me(ann)).body.email).toBe(email);
  });

  test('works once, also for fifty at once, and for a day', async () => {
    const ann = await client.register();
    const change = { email: freshEmail(), password: PASSWORD };
    const token = await addressToken(keyturn, client, ann, change);
    const responses = await Promise.all(Array.from({ length: 50 }, () => confirm(token)));
    expect(responses.filter(({ status }) => status === 204)).toHaveLength(1);
    for (const response of responses) {
      if (response.status !== 204) expectProblem(response, 400, 'invalid_token');
    }
    const other = { email: freshEmail(), password: PASSWORD };
    const late = await addressToken(keyturn, client, ann, other);
    keyturn.clock.advance(seconds(24 * 3600));
    expectProblem(await confirm(late), 400, 'invalid_token');
  });

  test('the tokens of the two kinds do not stand in for those that reset', async () => {
    const ann = await client.register();
    const verify = await mailedToken(keyturn, ann.email);
    const change = { email: freshEmail(), password: PASSWORD };
    for (const token of [verify, await addressToken(keyturn, client, ann, change)]) {
      const reset = { token, password: NEW_PASSWORD };
      expectProblem(await client.post('/api/auth/password/reset', reset), 400, 'invalid_token');
    }
    const reset = await forgottenToken(keyturn, client, ann);
    expectProblem(await confirm(reset), 400, 'invalid_token');
    const me = await client.get('/api/auth/me', bearer(reset));
    expectProblem(me, 401, 'token_malformed');
    expectProblem(await client.refresh(reset), 401, 'invalid_refresh_token');
  });
});
