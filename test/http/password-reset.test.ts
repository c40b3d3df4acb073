import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import {
  addressToken,
  answerRequests,
  expectAccepted,
  forgottenToken,
  NEW_PASSWORD,
} from '../support/accounts.ts';
import { bearer, type Client, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken, mailsTo } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { operationsOf } from '../support/user-operations.ts';

describe.each(DRIVERS)('a forgotten password on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const reset = (token: string, password = NEW_PASSWORD) =>
    client.post('/api/auth/password/reset', { token, password });
  const logIn = (email: string, password: string) =>
    client.post('/api/auth/login', { email, password });
  const tokensOf = (userId: string) =>
    keyturn.sql('SELECT purpose FROM mailed_tokens WHERE user_id = $1', [userId]);

  test('is replaced by the mailed link: every session ends, nobody is signed in', async () => {
    const ann = await client.register();
    const phone = await client.login(ann);
    const bob = await client.register();
    const token = await forgottenToken(keyturn, client, ann);
    const [mail] = (await mailsTo(keyturn, ann.email)).slice(-1);
    expect(mail?.links).toContain(`${keyturn.issuer}/reset-password#token=${token}`);
    expect(token).toMatch(/^ktm_[\w-]{43}$/);

    keyturn.clock.advance(seconds(1));
    const response = await reset(token);
    expect({ status: response.status, text: response.text }).toEqual({ status: 204, text: '' });
    expect(response.headers).not.toHaveProperty('set-cookie');
    for (const session of [ann, phone]) {
      expectProblem(await client.me(session), 401, 'session_ended');
      const refreshed = await client.refresh(session.refreshToken);
      expectProblem(refreshed, 401, 'invalid_refresh_token');
    }
    const ended = await keyturn.sql('SELECT DISTINCT end_reason FROM sessions WHERE user_id = $1', [
      ann.userId,
    ]);
    expect(ended).toEqual([{ end_reason: 'password_reset' }]);
    expectProblem(await logIn(ann.email, PASSWORD), 401, 'invalid_credentials');
    expect((await client.login(ann, NEW_PASSWORD)).userId).toBe(ann.userId);
    expect((await client.me(bob)).status).toBe(200);
    const notice = (await mailsTo(keyturn, ann.email)).at(-1);
    expect(notice?.links.join()).not.toContain('token=');
    expect(keyturn.events('password_reset')).toHaveLength(1);
    expect(keyturn.events('password_reset_requested')[0]).toMatchObject({ user_id: ann.userId });
  });

  test('the mail has reached its address, which is verified from then on', async () => {
    const ann = await client.register();
    expect((await client.me(ann)).body.email_verified).toBe(false);
    await reset(await forgottenToken(keyturn, client, ann)).expect(204);
    const again = await client.login(ann, NEW_PASSWORD);
    expect((await client.me(again)).body.email_verified).toBe(true);
  });

  test('a link works once, also for fifty at once', async () => {
    const ann = await client.register();
    const token = await forgottenToken(keyturn, client, ann);
    const responses = await Promise.all(
      Array.from({ length: 50 }, (_, i) => reset(token, `${NEW_PASSWORD} ${i}`)),
    );
    const worked = responses.flatMap(({ status }, i) => (status === 204 ? [i] : []));
    expect(worked).toHaveLength(1);
    for (const response of responses) {
      if (response.status !== 204) expectProblem(response, 400, 'invalid_token');
    }
    await client.login(ann, `${NEW_PASSWORD} ${worked[0]}`);
    expectProblem(await reset(token), 400, 'invalid_token');
  });

  test('a refused password consumes nothing', async () => {
    const ann = await client.register();
    const token = await forgottenToken(keyturn, client, ann);
    expectProblem(await reset(token, 'password123'), 400, 'weak_password', ['password']);
    expectProblem(await reset(token, 'short'), 400, 'weak_password', ['password']);
    expectProblem(await reset(token, 'x'.repeat(129)), 400, 'invalid_request', ['password']);
    await client.get('/reset-password');
    await reset(token).expect(204);
  });

  test('a link lives for half an hour', async () => {
    const ann = await client.register();
    const token = await forgottenToken(keyturn, client, ann);
    const old = await forgottenToken(keyturn, client, await client.register());
    keyturn.clock.advance(seconds(30 * 60));
    expectProblem(await reset(old), 400, 'invalid_token');
    const bob = await client.register();
    const fresh = await forgottenToken(keyturn, client, bob);
    keyturn.clock.advance(seconds(30 * 60 - 1));
    await reset(fresh).expect(204);
    expectProblem(await reset(token), 400, 'invalid_token');
  });

  test('the newest link invalidates the one before', async () => {
    const ann = await client.register();
    const first = await forgottenToken(keyturn, client, ann);
    const second = await forgottenToken(keyturn, client, ann);
    expect(second).not.toBe(first);
    expectProblem(await reset(first), 400, 'invalid_token');
    await reset(second).expect(204);
  });

  test("a reset voids every other outstanding link of the account, and no one else's", async () => {
    const ann = await client.register();
    const bob = await client.register();
    const verify = await mailedToken(keyturn, ann.email);
    const other = await forgottenToken(keyturn, client, bob);
    const change = await addressToken(keyturn, client, ann, {
      email: freshEmail(),
      password: PASSWORD,
    });
    await reset(await forgottenToken(keyturn, client, ann)).expect(204);
    expect(await tokensOf(ann.userId)).toEqual([]);
    for (const token of [verify, change]) {
      expectProblem(await client.post('/api/auth/email/verify', { token }), 400, 'invalid_token');
    }
    await reset(other).expect(204);
  });

  test('what is no such token is refused before anything is hashed', async () => {
    const ann = await client.register();
    const verify = await mailedToken(keyturn, ann.email);
    const good = await forgottenToken(keyturn, client, ann);
    const last = good.endsWith('A') ? 'B' : 'A';
    const others = [
      verify,
      ann.refreshToken,
      ann.accessToken,
      '',
      'ktm_',
      good.slice(0, -1),
      `${good}A`,
      `${good.slice(0, -1)}${last}`,
      ` ${good}`,
      good.toUpperCase(),
      `${good}\0`,
      'x'.repeat(60_000),
      "ktm_' OR 1=1 --",
    ];
    for (const token of others) expectProblem(await reset(token), 400, 'invalid_token');
    await reset(good).expect(204);
  });

  test('a disabled account stays disabled', async () => {
    const ann = await client.register();
    const token = await forgottenToken(keyturn, client, ann);
    await keyturn.sql('UPDATE users SET disabled_at = created_at WHERE id = $1', [ann.userId]);
    await reset(token).expect(204);
    expectProblem(await logIn(ann.email, NEW_PASSWORD), 403, 'account_disabled');
  });

  test('nobody is mailed at an address without an account', async () => {
    const email = freshEmail();
    expectAccepted(await client.post('/api/auth/password/forgot', { email }));
    await answerRequests(keyturn);
    expect(await mailsTo(keyturn, email)).toEqual([]);
    expect(await keyturn.sql('SELECT id FROM account_requests')).toEqual([]);
    const asked = keyturn.events('password_reset_requested');
    expect(asked.filter((event) => event.user_id === undefined)).toHaveLength(1);
  });

  test('all who ask are answered at once, and the trail keeps who asked', async () => {
    const people = [await client.register(), await client.register(), await client.register()];
    const requests: string[] = [];
    keyturn.clock.advance(seconds(1));
    for (const [i, { email }] of people.entries()) {
      const headers = { 'User-Agent': `browser ${i}` };
      const asked = await client.post('/api/auth/password/forgot', { email }, headers);
      expectAccepted(asked);
      requests.push(String(asked.headers['x-request-id']));
    }
    await answerRequests(keyturn);
    expect(await keyturn.sql('SELECT id FROM account_requests')).toEqual([]);
    for (const [i, { userId, email }] of people.entries()) {
      expect(await mailsTo(keyturn, email)).toHaveLength(2);
      const events = 'SELECT address, user_agent, request_id FROM audit_events';
      const of = "WHERE user_id = $1 AND event = 'password_reset_requested'";
      expect(await keyturn.sql(`${events} ${of}`, [userId])).toEqual([
        { address: '127.0.0.1', user_agent: `browser ${i}`, request_id: requests[i] },
      ]);
    }
  });

  test("the link is the issuer's, whatever the Host header says", async () => {
    const ann = await client.register();
    const headers = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };
    expectAccepted(await client.post('/api/auth/password/forgot', { email: ann.email }, headers));
    await answerRequests(keyturn);
    const mail = (await mailsTo(keyturn, ann.email)).at(-1);
    expect(`${mail?.text}${mail?.html}`).not.toContain('evil.example');
    expect(mail?.links[0]).toContain(keyturn.issuer);
  });

  test('a bearer token is neither asked for nor looked at', async () => {
    const ann = await client.register();
    const token = await forgottenToken(keyturn, client, ann);
    const bob = await client.register();
    const body = { token, password: NEW_PASSWORD };
    await client.post('/api/auth/password/reset', body, bearer(bob.accessToken)).expect(204);
    await client.login(bob);
    await client.login(ann, NEW_PASSWORD);
  });
});

describe.each(DRIVERS)('a database that was restored on $name', (driver) => {
  test('voids what was mailed before, and answers nothing that was asked before', async () => {
    const keyturn = await startKeyturn(driver);
    try {
      const client = clientOf(keyturn);
      const ann = await client.register();
      const verify = await mailedToken(keyturn, ann.email);
      const token = await forgottenToken(keyturn, client, ann);
      const change = { email: freshEmail(), password: PASSWORD };
      const other = await addressToken(keyturn, client, ann, change);
      const done = await operationsOf(keyturn)('restored', {});
      expect(done.result).toMatchObject({ changed: true });
      await keyturn.parts.issuer?.keyring.poll();
      expectProblem(
        await client.post('/api/auth/password/reset', { token, password: NEW_PASSWORD }),
        400,
        'invalid_token',
      );
      for (const link of [verify, other]) {
        const response = await client.post('/api/auth/email/verify', { token: link });
        expectProblem(response, 400, 'invalid_token');
      }
      expect(await keyturn.sql('SELECT hash FROM mailed_tokens')).toEqual([]);
      // A backup may hold what was asked for when it was made.
      await keyturn.parts.issuer?.jobs.stop();
      const columns = 'id, kind, email, created_at, address, request_id';
      await keyturn.sql(
        `INSERT INTO account_requests (${columns})
        SELECT id, 'reset_password', email, created_at, '127.0.0.1', 'x' FROM users`,
      );
      await operationsOf(keyturn)('restored', {});
      await answerRequests(keyturn);
      for (const table of ['account_requests', 'mailed_tokens', 'outbox_mails']) {
        expect(await keyturn.sql(`SELECT * FROM ${table}`)).toEqual([]);
      }
    } finally {
      await keyturn.close();
    }
  });
});
