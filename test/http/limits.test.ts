import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { forgottenToken } from '../support/accounts.ts';
import { bearer, type Client, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { APP_ORIGIN, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const WRONG = 'not the password at all';
const GARBAGE = { refresh_token: 'ktr_garbage' };

describe.each(DRIVERS)('RATE_LIMIT=on on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { RATE_LIMIT: 'on', TRUST_PROXY: '1' } });
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());
  // Buckets are full again; what is remembered of accounts stays.
  beforeEach(() => keyturn.clock.advance(seconds(7200)));

  const via = (address: string) => ({ 'X-Forwarded-For': address });
  const post = (path: string, body: object, address: string, headers = {}) =>
    client.post(path, body, { ...via(address), ...headers });
  const logIn = (email: string, password: string, address: string) =>
    post('/api/auth/login', { email, password }, address);
  /** Registers somebody at an address. */
  const person = async (address: string) => {
    const body = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
    const { body: answer } = await post('/api/auth/register', body, address).expect(201);
    return {
      email: body.email,
      accessToken: String(answer.access_token),
      refreshToken: String(answer.refresh_token),
    };
  };
  const statuses = async (count: number, call: (i: number) => PromiseLike<{ status: number }>) => {
    const found: number[] = [];
    for (let i = 0; i < count; i++) found.push((await call(i)).status);
    return found;
  };
  const times = (count: number, status: number) => Array<number>(count).fill(status);

  test('after a reset its owner gets in from there, however fast the guesses come', async () => {
    const ann = await person('203.0.113.9');
    const crowd = (i: number) => `198.51.100.${100 + Math.floor(i / 10)}`;
    await statuses(100, (i) => logIn(ann.email, WRONG, crowd(i)));
    const home = '203.0.113.10';
    expect((await logIn(ann.email, PASSWORD, home)).status).toBe(429);
    const token = await forgottenToken(keyturn, client, ann);
    const password = `${PASSWORD} anew`;
    await post('/api/auth/password/reset', { token, password }, home).expect(204);
    // Who guessed before waits; others guess a hundred times before the owner has typed a word.
    expect(await statuses(10, (i) => logIn(ann.email, WRONG, crowd(10 * i)))).toEqual(
      times(10, 429),
    );
    const fresh = (i: number) => `192.0.2.${Math.floor(i / 10)}`;
    expect(await statuses(100, (i) => logIn(ann.email, WRONG, fresh(i)))).toEqual(times(100, 401));
    expect((await logIn(ann.email, password, '203.0.113.11')).status).toBe(429);
    await logIn(ann.email, password, home).expect(200);
  });

  test('after a reset whoever was in before is as strange as anybody', async () => {
    const ann = await person('203.0.113.13');
    const thief = '198.51.100.13';
    await logIn(ann.email, PASSWORD, thief).expect(200);
    const token = await forgottenToken(keyturn, client, ann);
    const password = `${PASSWORD} anew`;
    const home = '203.0.113.14';
    await post('/api/auth/password/reset', { token, password }, home).expect(204);
    await logIn(ann.email, WRONG, '198.51.100.14').expect(401);
    await keyturn.sql(
      `UPDATE password_runs SET failures = 100 WHERE network = '' AND failed_at = $1`,
      [keyturn.clock.now()],
    );
    expect((await logIn(ann.email, WRONG, thief)).status).toBe(429);
    await logIn(ann.email, password, home).expect(200);
  });

  /** What is remembered of accounts. */
  const left = () => keyturn.sql('SELECT account::text, network::text FROM password_runs');

  test('a new address is known where it was confirmed, and of the old one nothing is', async () => {
    const before = await left();
    const { email, accessToken } = await person('203.0.113.16');
    await logIn(email, WRONG, '198.51.100.16').expect(401);
    const moved = freshEmail();
    const change = { email: moved, current_password: PASSWORD };
    await post('/api/auth/email/change', change, '203.0.113.16', bearer(accessToken)).expect(202);
    const home = '203.0.113.17';
    const token = await mailedToken(keyturn, moved);
    await post('/api/auth/email/verify', { token }, home).expect(204);
    expect(await left()).toHaveLength(before.length + 1);
    await logIn(moved, WRONG, '198.51.100.16').expect(401);
    await keyturn.sql(
      `UPDATE password_runs SET failures = 100 WHERE network = '' AND failed_at = $1`,
      [keyturn.clock.now()],
    );
    expect((await logIn(moved, PASSWORD, '203.0.113.18')).status).toBe(429);
    await logIn(moved, PASSWORD, home).expect(200);
  });

  test('nothing is left of an account that is deleted', async () => {
    const before = await left();
    const { email, accessToken } = await person('203.0.113.15');
    await logIn(email, WRONG, '198.51.100.15').expect(401);
    expect(await left()).not.toEqual(before);
    await client
      .delete('/api/auth/me', bearer(accessToken))
      .send({ current_password: PASSWORD })
      .expect(204);
    expect(await left()).toEqual(before);
  });

  test('guesses make their network wait, for known accounts as for unknown, the owner nowhere', async () => {
    const { email } = await person('203.0.113.1');
    for (const target of [email, freshEmail()]) {
      const found = await statuses(12, () => logIn(target, WRONG, '198.51.100.1'));
      expect(found).toEqual([...times(10, 401), 429, 429]);
    }
    const refused = await logIn(email, PASSWORD, '198.51.100.1');
    expectProblem(refused, 429, 'rate_limited');
    expect(refused.headers['retry-after']).toBe('30');
    expect(refused.headers['ratelimit-policy']).toBe('"password-tries";q=10;w=86400');
    expect(refused.headers.ratelimit).toBe('"password-tries";r=0;t=30');
    const unknown = await logIn(freshEmail(), PASSWORD, '198.51.100.1');
    expect(unknown.status).toBe(401);
    // From elsewhere, known or not, the owner comes in.
    expect((await logIn(email, PASSWORD, '198.51.100.2')).status).toBe(200);
    const home = await logIn(email, PASSWORD, '203.0.113.1');
    expect(home.status).toBe(200);
    expect(home.headers['ratelimit-policy']).toBe('"login-network";q=60;w=60');
    expect(home.headers.ratelimit).toMatch(/^"login-network";r=\d+;t=\d+$/);
    keyturn.clock.advance(seconds(30));
    expect((await logIn(email, PASSWORD, '198.51.100.1')).status).toBe(200);
    const events = keyturn.events('rate_limited');
    expect(events.filter(({ address }) => address === '198.51.100.1')).toMatchObject([
      { reason: 'login_by_password' },
      { reason: 'login_by_password' },
    ]);
  });

  test('wrong passwords count together, wherever they are given', async () => {
    const { email, accessToken } = await person('203.0.113.2');
    const change = (current: string) => {
      const body = { current_password: current, new_password: 'another long phrase' };
      return post('/api/auth/password/change', body, '198.51.100.3', bearer(accessToken));
    };
    expect(await statuses(5, () => logIn(email, WRONG, '198.51.100.3'))).toEqual(times(5, 401));
    expect(await statuses(5, () => change(WRONG))).toEqual(times(5, 400));
    expectProblem(await change(PASSWORD), 429, 'rate_limited');
    expectProblem(await logIn(email, PASSWORD, '198.51.100.3'), 429, 'rate_limited');
  });

  test('the right current password ends the run of wrong ones', async () => {
    const { email, accessToken } = await person('203.0.113.12');
    const here = '198.51.100.12';
    const change = () => {
      const body = { current_password: PASSWORD, new_password: 'another long phrase' };
      return post('/api/auth/password/change', body, here, bearer(accessToken));
    };
    const guess = () => logIn(email, WRONG, here);
    expect(await statuses(9, guess)).toEqual(times(9, 401));
    expect((await change()).status).toBe(204);
    expect(await statuses(11, guess)).toEqual([...times(10, 401), 429]);
  });

  test('a hundred in a row: the owner comes in from where they registered, nobody else', async () => {
    const { email } = await person('203.0.113.4');
    const runs = () =>
      keyturn.sql<{ failures: number }>(
        `SELECT failures FROM password_runs WHERE network = '' AND account IN
         (SELECT account FROM password_runs WHERE failed_at = $1)`,
        [keyturn.clock.now()],
      );
    await logIn(email, WRONG, '198.51.100.4');
    expect(await runs()).toEqual([{ failures: 1 }]);
    await keyturn.sql(
      `UPDATE password_runs SET failures = 99 WHERE network = '' AND failed_at = $1`,
      [keyturn.clock.now()],
    );
    expect((await logIn(email, WRONG, '198.51.100.5')).status).toBe(401);
    const strange = await logIn(email, PASSWORD, '198.51.100.6');
    expectProblem(strange, 429, 'rate_limited');
    expect(strange.headers['retry-after']).toBe('3600');
    // From home, wrong is wrong, and right is right and ends it.
    expect((await logIn(email, WRONG, '203.0.113.4')).status).toBe(401);
    expect((await logIn(email, PASSWORD, '203.0.113.4')).status).toBe(200);
    expect((await logIn(email, PASSWORD, '198.51.100.6')).status).toBe(200);
  });

  test('sixty honest logins at once from one address, and no more', async () => {
    const { email } = await person('203.0.113.5');
    const crowd = Array.from({ length: 63 }, () => logIn(email, PASSWORD, '203.0.113.5'));
    const found = (await Promise.all(crowd)).map(({ status }) => status).sort();
    expect(found).toEqual([...times(60, 200), ...times(3, 429)]);
  });

  test('what a client writes into X-Forwarded-For does not let it escape', async () => {
    const spoofed = (i: number) =>
      post('/api/auth/refresh', GARBAGE, `10.1.${i}.1, 198.51.100.${i % 256}, 192.0.2.1`);
    expect(await statuses(62, spoofed)).toEqual([...times(60, 401), 429, 429]);
    expectProblem(await spoofed(99), 429, 'rate_limited');
    // Others behind the same proxy are others.
    expect((await post('/api/auth/refresh', GARBAGE, '192.0.2.2')).status).toBe(401);
  });

  test('an honest refresh is neither limited nor counted', async () => {
    const { refreshToken, accessToken } = await person('203.0.113.6');
    const bad = () => post('/api/auth/refresh', GARBAGE, '203.0.113.6');
    expect(await statuses(61, bad)).toEqual([...times(60, 401), 429]);
    const rows = () =>
      keyturn.sql(`SELECT xmin::text, key::text FROM rate_buckets UNION ALL
        SELECT xmin::text, account::text FROM password_runs`);
    const before = await rows();
    const fine = await post('/api/auth/refresh', { refresh_token: refreshToken }, '203.0.113.6');
    expect(fine.status).toBe(200);
    expect(fine.headers).not.toHaveProperty('ratelimit');
    const todos = '/api/users/me/todos';
    await client.get(todos, { ...via('203.0.113.6'), ...bearer(accessToken) });
    expect(await rows()).toEqual(before);
  });

  test('a token that was stolen counts among the refused ones', async () => {
    const { refreshToken } = await person('203.0.113.19');
    const ask = (token: string) =>
      post('/api/auth/refresh', { refresh_token: token }, '203.0.113.19');
    const { body } = await ask(refreshToken).expect(200);
    await ask(body.refresh_token).expect(200);
    expect(await statuses(59, () => ask('ktr_garbage'))).toEqual(times(59, 401));
    expectProblem(await ask(refreshToken), 401, 'refresh_token_reused');
    expectProblem(await ask('ktr_garbage'), 429, 'rate_limited');
  });

  test('a hundred registrations of one address at once: one user, the rest told or held back', async () => {
    const body = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
    const crowd = Array.from({ length: 100 }, () =>
      post('/api/auth/register', body, '203.0.113.7'),
    );
    const found = (await Promise.all(crowd)).map(({ status }) => status).sort();
    expect(found).toEqual([201, ...times(59, 409), ...times(40, 429)]);
  });

  test('forgot: the same for known and unknown addresses, until both are limited', async () => {
    const { email } = await person('203.0.113.8');
    for (const target of [email, freshEmail()]) {
      const ask = () => post('/api/auth/password/forgot', { email: target }, '198.51.100.8');
      expect(await statuses(12, ask)).toEqual([...times(10, 202), 429, 429]);
    }
    const ask = await post('/api/auth/password/forgot', { email }, '203.0.113.8');
    expect(ask.status).toBe(202);
  });

  test('a script on an allowed origin can read when to come back', async () => {
    const origin = { Origin: APP_ORIGIN };
    const ask = () => post('/api/auth/email/verify', { token: 'x' }, '203.0.113.9', origin);
    const found = await statuses(61, ask);
    expect(found).toEqual([...times(60, 400), 429]);
    const { headers } = await ask();
    expect(headers['access-control-allow-origin']).toBe(APP_ORIGIN);
    for (const name of ['Retry-After', 'RateLimit', 'RateLimit-Policy']) {
      expect(headers['access-control-expose-headers']?.split(', ')).toContain(name);
      expect(headers).toHaveProperty(name.toLowerCase());
    }
  });
});
