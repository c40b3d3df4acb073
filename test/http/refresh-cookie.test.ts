import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds, times } from '../../src/kit/duration.ts';
import {
  browserAt,
  type Client,
  claimsOf,
  clientOf,
  freshEmail,
  PASSWORD,
  setCookies,
} from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { APP_ORIGIN, startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const WINDOW = seconds(30);
const DAY = seconds(86_400);
const NAME = 'keyturn_refresh';

describe.each(DRIVERS)('the refresh token in a cookie on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  async function rowOf(sessionId: string) {
    const text = 'SELECT * FROM sessions WHERE id = $1';
    const [row] = await keyturn.sql<Record<string, unknown>>(text, [sessionId]);
    return row;
  }
  /** A browser that has logged in somebody new. */
  async function browser() {
    const { email, sessionId: elsewhere } = await client.register();
    const tabs = browserAt(keyturn);
    return { tabs, email, elsewhere, sessionId: await tabs.login(email) };
  }
  const withCookie = (...values: string[]) => ({
    Origin: keyturn.issuer,
    Cookie: values.map((value) => `${NAME}=${value}`).join('; '),
  });

  test.each([
    ['register', 201],
    ['login', 200],
  ])('%s answers it there and nowhere else', async (call, status) => {
    const known = await client.register();
    const body = { email: known.email, password: PASSWORD, delivery: 'cookie' };
    const fields = call === 'login' ? body : { ...body, email: freshEmail(), name: 'Ann' };
    const response = await client.post(`/api/auth/${call}`, fields, { Origin: keyturn.issuer });
    expect(response.status).toBe(status);
    expect(response.headers['cache-control']).toBe('no-store');
    const members = ['access_token', 'expires_in', 'refresh_expires_in', 'token_type', 'user'];
    expect(Object.keys(response.body).sort()).toEqual(members);
    expect(setCookies(response)).toEqual([
      expect.stringMatching(
        /^keyturn_refresh=ktr_[\w-]+; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    expect(response.text).not.toContain('ktr_');
  });

  test('a young one is answered again, with a new access token', async () => {
    const { tabs, sessionId } = await browser();
    const cookie = tabs.cookie;
    for (const [wait, maxAge] of [
      [0, 604_800],
      [10, 604_790],
      [19.999, 604_770],
    ] as const) {
      keyturn.clock.advance(seconds(wait));
      const response = await tabs.refresh();
      expect(response.status).toBe(200);
      expect(Object.keys(response.body).sort()).toEqual([
        'access_token',
        'expires_in',
        'refresh_expires_in',
        'token_type',
      ]);
      expect(response.body.refresh_expires_in).toBe(maxAge);
      expect(claimsOf(response.body.access_token).sid).toBe(sessionId);
      const [set] = setCookies(response);
      expect(set).toBe(`${cookie}; Max-Age=${maxAge}; Path=/; HttpOnly; SameSite=Lax`);
      expect(response.text).not.toContain('ktr_');
    }
    expect(await rowOf(sessionId)).toMatchObject({ generation: 1 });
  });

  test('it is rotated once a window, however many tabs load together', async () => {
    const { tabs, sessionId } = await browser();
    const old = tabs.cookie;
    keyturn.clock.advance(WINDOW);
    const responses = await Promise.all(Array.from({ length: 10 }, () => tabs.refresh()));
    const cookies = new Set(responses.map((response) => setCookies(response)[0]));
    expect(responses.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(cookies.size).toBe(1);
    expect([...cookies][0]).toContain('Max-Age=604800');
    expect(tabs.cookie).not.toBe(old);
    expect(await rowOf(sessionId)).toMatchObject({ generation: 2 });
    // The old cookie again, from an answer that came out of order.
    const current = tabs.cookie;
    tabs.cookie = old;
    keyturn.clock.advance(seconds(29));
    expect((await tabs.refresh()).status).toBe(200);
    expect(tabs.cookie).toBe(current);
    expect(await rowOf(sessionId)).toMatchObject({ generation: 2 });
  });

  test('a lost answer is recovered, and its second loss is not', async () => {
    const { tabs, sessionId } = await browser();
    const old = tabs.cookie;
    keyturn.clock.advance(WINDOW);
    await tabs.refresh();
    keyturn.clock.advance(WINDOW);
    tabs.cookie = old;
    const recovered = await tabs.refresh();
    expect(recovered.status).toBe(200);
    expect(recovered.body.refresh_expires_in).toBe(604_770);
    expect(keyturn.events('refresh_recovered', sessionId)).toHaveLength(1);
    keyturn.clock.advance(WINDOW);
    tabs.cookie = old;
    expectProblem(await tabs.refresh(), 401, 'refresh_token_reused');
    expect(tabs.cookie).toBe(old);
    expect(await rowOf(sessionId)).toMatchObject({ end_reason: 'refresh_token_reused' });
  });

  test('a refused refresh never touches it', async () => {
    const { tabs, sessionId } = await browser();
    keyturn.clock.advance(times(7, DAY));
    const before = await rowOf(sessionId);
    // expectProblem sees to it that there is no Set-Cookie.
    expectProblem(await tabs.refresh(), 401, 'invalid_refresh_token');
    expect(await rowOf(sessionId)).toEqual(before);
    for (const value of ['', 'garbage', 'ktr_garbage', '"ktr_garbage"', '%00', `a=b=c`]) {
      const refused = client.post('/api/auth/refresh', {}, withCookie(value));
      expectProblem(await refused, 401, 'invalid_refresh_token');
    }
    const origin = { Origin: keyturn.issuer };
    const none = client.post('/api/auth/refresh', {}, origin);
    expectProblem(await none, 401, 'invalid_refresh_token');
    const other = { ...origin, Cookie: 'theme=dark; =; ;;; keyturn_refreshx=1' };
    const wrong = client.post('/api/auth/refresh', {}, other);
    expectProblem(await wrong, 401, 'invalid_refresh_token');
  });

  test('a body token wins: the cookie is neither read nor set', async () => {
    const { tabs, sessionId, email } = await browser();
    const body = await client.login({ email });
    keyturn.clock.advance(WINDOW);
    const before = await rowOf(sessionId);
    const cookie = { Cookie: tabs.cookie ?? '' };
    const good = { refresh_token: body.refreshToken };
    for (const headers of [cookie, { ...cookie, Origin: 'https://evil.example' }]) {
      const response = await client.post('/api/auth/refresh', good, headers);
      expect(response.status).toBe(200);
      expect(response.body.refresh_token).toMatch(/^ktr_/);
      expect(setCookies(response)).toEqual([]);
      expect(claimsOf(response.body.access_token).sid).toBe(body.sessionId);
    }
    for (const refresh_token of ['', 'garbage']) {
      const headers = { ...cookie, Origin: keyturn.issuer };
      const response = client.post('/api/auth/refresh', { refresh_token }, headers);
      expectProblem(await response, 401, 'invalid_refresh_token');
      await client.post('/api/auth/logout', { refresh_token }, headers).expect(204);
    }
    expect(await rowOf(sessionId)).toEqual(before);
  });

  test('a login by cookie ends the session that it replaces, and no other', async () => {
    const { tabs, sessionId, elsewhere, email } = await browser();
    const bob = await client.register();
    const next = await tabs.login(bob.email);
    expect(await rowOf(sessionId)).toMatchObject({
      end_reason: 'replaced',
      ended_at: keyturn.clock.now(),
    });
    expect(await rowOf(elsewhere)).toMatchObject({ end_reason: null });
    const fields = { email: freshEmail(), password: PASSWORD, name: 'C', delivery: 'cookie' };
    expect((await tabs.post('/api/auth/register', fields)).status).toBe(201);
    expect(await rowOf(next)).toMatchObject({ end_reason: 'replaced' });
    // A body's login replaces nothing, though it carries the cookie.
    const last = await tabs.refresh();
    const response = await tabs.post('/api/auth/login', { email, password: PASSWORD });
    expect(response.status).toBe(200);
    expect(setCookies(response)).toEqual([]);
    const { sid } = claimsOf(last.body.access_token);
    expect(await rowOf(String(sid))).toMatchObject({ end_reason: null });
  });

  test('a refused login replaces nothing', async () => {
    const { tabs, sessionId, email } = await browser();
    const wrong = { email, password: 'wrong', delivery: 'cookie' };
    expectProblem(await tabs.post('/api/auth/login', wrong), 401, 'invalid_credentials');
    const taken = { email, password: PASSWORD, name: 'Ann', delivery: 'cookie' };
    expectProblem(await tabs.post('/api/auth/register', taken), 409, 'email_taken');
    expect(await rowOf(sessionId)).toMatchObject({ end_reason: null });
    expect((await tabs.refresh()).status).toBe(200);
  });

  test('a garbage cookie does not keep anybody from logging in', async () => {
    const { email } = await client.register();
    const tabs = browserAt(keyturn);
    tabs.cookie = `${NAME}=garbage`;
    await tabs.login(email);
    expect((await tabs.refresh()).status).toBe(200);
  });

  test('two of its name that differ count as none: one may be planted', async () => {
    const { tabs } = await browser();
    const own = (tabs.cookie ?? '').slice(NAME.length + 1);
    const planted = withCookie('planted', own);
    const refused = client.post('/api/auth/refresh', {}, planted);
    expectProblem(await refused, 401, 'invalid_refresh_token');
    await client.post('/api/auth/refresh', {}, withCookie(own, own)).expect(200);
  });

  test('logout clears it, also when there was nothing to end', async () => {
    const { tabs, sessionId } = await browser();
    const cleared = [
      expect.stringMatching(/^keyturn_refresh=; Max-Age=0; Path=\/; HttpOnly; SameSite=Lax$/),
    ];
    const old = tabs.cookie;
    const first = await tabs.post('/api/auth/logout');
    expect(first.status).toBe(204);
    expect(setCookies(first)).toEqual(cleared);
    expect(await rowOf(sessionId)).toMatchObject({ end_reason: 'logged_out' });
    for (const cookie of [old, `${NAME}=garbage`]) {
      tabs.cookie = cookie;
      const again = await tabs.post('/api/auth/logout');
      expect(again.status).toBe(204);
      expect(setCookies(again)).toEqual(cleared);
    }
  });

  test('an allowed origin of the same site uses it like the issuer', async () => {
    const { email } = await client.register();
    const app = browserAt(keyturn, APP_ORIGIN);
    await app.login(email);
    const response = await app.refresh();
    expect(response.status).toBe(200);
    expect(response.headers['access-control-allow-credentials']).toBe('true');
  });
});
