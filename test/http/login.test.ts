import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import {
  bearer,
  type Client,
  claimsOf,
  clientOf,
  freshEmail,
  PASSWORD,
  partOf,
  setCookies,
} from '../support/client.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { APP_ORIGIN, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

describe.each(DRIVERS)('POST /api/auth/login on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const attempt = (email: string, password: string) =>
    client.post('/api/auth/login', { email, password });
  const disable = (email: string) =>
    keyturn.sql('UPDATE users SET disabled_at = $2 WHERE email = $1', [email, keyturn.clock.now()]);

  test('answers 200 with tokens and the user', async () => {
    const { email, userId, sessionId } = await client.register({ name: 'Ann' });
    keyturn.clock.advance(seconds(5));
    const response = await attempt(email, PASSWORD);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(setCookies(response)).toEqual([]);
    expect(response.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^ktr_/),
      refresh_expires_in: 604_800,
      user: expect.objectContaining({ id: userId, email, name: 'Ann', email_verified: false }),
    });
    expect(Object.keys(response.body.user)).toHaveLength(5);
    expect(claimsOf(response.body.access_token).sid).not.toBe(sessionId);
  });

  test('the access token is exactly what the contract says', async () => {
    const { email, userId, accessToken } = await client.register({ name: 'Ann' });
    const now = Math.floor(keyturn.clock.now().getTime() / 1000);
    const [key] = await keyturn.sql<{ kid: string }>(
      'SELECT kid FROM signing_keys WHERE activated_at IS NOT NULL',
    );
    expect(partOf(accessToken, 0)).toEqual({ alg: 'RS256', kid: key?.kid, typ: 'at+jwt' });
    expect(claimsOf(accessToken)).toEqual({
      iss: keyturn.issuer,
      sub: userId,
      aud: keyturn.issuer,
      exp: now + 900,
      iat: now,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      client_id: expect.stringMatching(/./),
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email,
      email_verified: false,
      name: 'Ann',
      auth_time: now,
    });
    const second = await client.login({ email });
    expect(claimsOf(second.accessToken).jti).not.toBe(claimsOf(accessToken).jti);
  });

  test('an unknown address, a wrong password and a disabled account look the same', async () => {
    const ann = await client.register();
    const bob = await client.register();
    await disable(bob.email);
    const refusals = await Promise.all([
      attempt(freshEmail(), PASSWORD),
      attempt(ann.email, `${PASSWORD}!`),
      attempt(ann.email, ''),
      attempt(bob.email, `${PASSWORD}!`),
    ]);
    const [first = '', ...others] = refusals.map((response) => {
      expectProblem(response, 401, 'invalid_credentials');
      return response.text.replace(response.body.request_id, '');
    });
    expect(others).toEqual([first, first, first]);
    const headersOf = ({ headers }: (typeof refusals)[number]) => {
      const { date, 'x-request-id': id, ...rest } = headers as Record<string, string>;
      return rest;
    };
    const [one, ...rest] = refusals.map(headersOf);
    expect(rest).toEqual([one, one, one]);
  });

  test('a disabled account is told so only with its right password', async () => {
    const ann = await client.register();
    await disable(ann.email);
    expectProblem(await attempt(ann.email, PASSWORD), 403, 'account_disabled');
    const live = 'SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL';
    expect(await keyturn.sql(live, [ann.userId])).toHaveLength(1);
  });

  test.each([
    ['of 129 characters', 'x'.repeat(129)],
    ['of 1,025 characters', 'x'.repeat(1025)],
    ['of 4,000 characters', 'x'.repeat(4000)],
    ['of 10,000 characters', 'x'.repeat(10_000)],
    ['of 1,000 combining marks', `a${'\u0301'.repeat(1000)}`],
    ['shorter than any', 'a'],
  ])('a password %s is a wrong one', async (_, password) => {
    const { email } = await client.register();
    expectProblem(await attempt(email, password), 401, 'invalid_credentials');
    expectProblem(await attempt(email, PASSWORD + password), 401, 'invalid_credentials');
  });

  test('composed and decomposed spellings are one password', async () => {
    const composed = 'caf\u00e9 \u1e9b\u0323 na\u00efve \uac00';
    const decomposed = composed.normalize('NFD');
    expect(decomposed).not.toBe(composed);
    const one = await client.register({ password: composed });
    await client.login(one, decomposed);
    const other = await client.register({ password: decomposed });
    await client.login(other, composed);
    // Compatibility forms stay apart.
    expectProblem(await attempt(one.email, composed.normalize('NFKC')), 401, 'invalid_credentials');
  });

  test('a wrong password leaves sessions alone', async () => {
    const ann = await client.register();
    expectProblem(await attempt(ann.email, 'wrong'), 401, 'invalid_credentials');
    expect((await client.me(ann)).status).toBe(200);
    expect((await client.refresh(ann.refreshToken)).status).toBe(200);
  });

  test('two logins are two sessions', async () => {
    const ann = await client.register();
    const again = await client.login(ann);
    expect(again.userId).toBe(ann.userId);
    expect(again.sessionId).not.toBe(ann.sessionId);
    expect((await client.me(ann)).status).toBe(200);
    expect((await client.me(again)).status).toBe(200);
  });

  test('CORS lets an allowed origin read the answer, others get no word of it', async () => {
    const { email } = await client.register();
    const body = { email, password: PASSWORD };
    const app = await client.post('/api/auth/login', body, { Origin: APP_ORIGIN });
    expect(app.status).toBe(200);
    expect(app.headers['access-control-allow-origin']).toBe(APP_ORIGIN);
    expect(app.headers['access-control-allow-credentials']).toBe('true');
    expect(app.headers.vary).toBe('Origin');
    const me = await client.get('/api/auth/me', {
      ...bearer(app.body.access_token),
      Origin: APP_ORIGIN,
    });
    expect(me.headers['access-control-allow-origin']).toBe(APP_ORIGIN);
    expect(me.headers).not.toHaveProperty('access-control-allow-credentials');
    const other = await client.post('/api/auth/login', body, { Origin: 'https://evil.example' });
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
    expect(other.headers.vary).toBe('Origin');
  });
});

describe.each(DRIVERS)('a change of the Argon2 parameters on $name', (driver) => {
  test('remakes the hash at the next login; sessions go on', async () => {
    const storage = await driver.create();
    const env = {
      DATA_DIR: storage.dataDir,
      KEYS_DIR: await newDirectory(),
      ...(storage.url !== undefined && { DATABASE_URL: storage.url }),
    };
    const hashOf = async (keyturn: TestKeyturn, email: string) => {
      const rows = await keyturn.sql<{ password_hash: string }>(
        'SELECT password_hash FROM users WHERE email = $1',
        [email],
      );
      return rows[0]?.password_hash ?? '';
    };
    const before = await startKeyturn(driver, { env });
    const ann = await clientOf(before).register();
    const first = await hashOf(before, ann.email);
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await clientOf(before).login(ann);
    expect(await hashOf(before, ann.email)).toBe(first);
    await before.close();

    const after = await startKeyturn(driver, { env: { ...env, ARGON2_TIME: '3' } });
    const client = clientOf(after);
    const wrong = { email: ann.email, password: 'wrong' };
    expectProblem(await client.post('/api/auth/login', wrong), 401, 'invalid_credentials');
    expect(await hashOf(after, ann.email)).toBe(first);
    const again = await client.login(ann);
    const remade = await hashOf(after, ann.email);
    expect(remade).toMatch(/^\$argon2id\$v=19\$m=19456,t=3,p=1\$/);
    await client.login(ann);
    expect(await hashOf(after, ann.email)).toBe(remade);
    expectProblem(await client.post('/api/auth/login', wrong), 401, 'invalid_credentials');
    expect((await client.refresh(again.refreshToken)).status).toBe(200);
    expect((await client.refresh(ann.refreshToken)).status).toBe(200);
    await after.close();
    await storage.drop();
  });
});
