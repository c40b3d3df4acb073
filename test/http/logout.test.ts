import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds, times } from '../../src/kit/duration.ts';
import { bearer, type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const DAY = seconds(86_400);

describe.each(DRIVERS)('logging out on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  async function rowOf({ sessionId }: SignedIn) {
    const text = 'SELECT ended_at, end_reason FROM sessions WHERE id = $1';
    const [row] = await keyturn.sql<Record<string, unknown>>(text, [sessionId]);
    return row;
  }
  async function expectOver(who: SignedIn, reason: string) {
    expect(await rowOf(who)).toEqual({ ended_at: keyturn.clock.now(), end_reason: reason });
    expectProblem(await client.refresh(who.refreshToken), 401, 'invalid_refresh_token');
  }
  async function expectNothing(logout: ReturnType<Client['post']>) {
    const response = await logout;
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expect(response.headers).not.toHaveProperty('content-type');
    expect(response.headers).not.toHaveProperty('set-cookie');
    expect(response.headers['x-request-id']).toMatch(/./);
  }

  describe('POST /api/auth/logout', () => {
    test('ends the session of a token, at once for its bearer too, and no other', async () => {
      const ann = await client.register();
      const elsewhere = await client.login(ann);
      await expectNothing(client.logout(ann.refreshToken));
      await expectOver(ann, 'logged_out');
      expectProblem(await client.me(ann), 401, 'session_ended');
      expect((await client.me(elsewhere)).status).toBe(200);
      expect(keyturn.events('logged_out', ann.sessionId)).toHaveLength(1);
    });

    test('a consumed token ends it', async () => {
      const ann = await client.register();
      const second = (await client.refresh(ann.refreshToken)).body.refresh_token;
      const third = (await client.refresh(second)).body.refresh_token;
      await expectNothing(client.logout(ann.refreshToken));
      await expectOver({ ...ann, refreshToken: third }, 'logged_out');
      expect(keyturn.events('refresh_token_reused', ann.sessionId)).toEqual([]);
    });

    test('an expired token ends it', async () => {
      const ann = await client.register();
      keyturn.clock.advance(times(8, DAY));
      expectProblem(await client.refresh(ann.refreshToken), 401, 'invalid_refresh_token');
      await expectNothing(client.logout(ann.refreshToken));
      await expectOver(ann, 'logged_out');
    });

    test('a consumed token whose own time is over ends a session that lives on', async () => {
      const ann = await client.register();
      keyturn.clock.advance(times(6, DAY));
      const second = (await client.refresh(ann.refreshToken)).body.refresh_token;
      keyturn.clock.advance(times(2, DAY));
      await expectNothing(client.logout(ann.refreshToken));
      await expectOver({ ...ann, refreshToken: second }, 'logged_out');
    });

    test('twice is once', async () => {
      const ann = await client.register();
      await expectNothing(client.logout(ann.refreshToken));
      const before = await rowOf(ann);
      keyturn.clock.advance(seconds(1));
      await expectNothing(client.logout(ann.refreshToken));
      expect(await rowOf(ann)).toEqual(before);
      expect(keyturn.events('logged_out', ann.sessionId)).toHaveLength(1);
    });

    test('nothing to end is as well', async () => {
      const ann = await client.register();
      const { refreshToken } = ann;
      const forged = `${refreshToken.slice(0, -9)}${'A'.repeat(9)}`;
      for (const token of ['', 'garbage', forged, refreshToken.slice(0, -1), ann.sessionId]) {
        await expectNothing(client.logout(token));
      }
      await expectNothing(client.post('/api/auth/logout', {}));
      await expectNothing(client.post('/api/auth/logout'));
      await expectNothing(client.post('/api/auth/logout', undefined, bearer(ann.accessToken)));
      expect(await rowOf(ann)).toEqual({ ended_at: null, end_reason: null });
    });
  });

  describe('POST /api/auth/logout-all', () => {
    test('ends every session of the user and of nobody else', async () => {
      const bob = await client.register();
      const ann = await client.register();
      const phone = await client.login(ann);
      const before = await client.login(ann);
      await client.logout(before.refreshToken);
      const ended = await rowOf(before);
      keyturn.clock.advance(seconds(1));
      const response = client.post('/api/auth/logout-all', undefined, bearer(phone.accessToken));
      await expectNothing(response);
      for (const session of [ann, phone]) {
        await expectOver(session, 'logged_out_everywhere');
        expectProblem(await client.me(session), 401, 'session_ended');
      }
      expect(await rowOf(before)).toEqual(ended);
      expect((await client.me(bob)).status).toBe(200);
      const again = client.post('/api/auth/logout-all', {}, bearer(phone.accessToken));
      expectProblem(await again, 401, 'session_ended');
      expect((await client.me(await client.login(ann))).status).toBe(200);
    });

    test('a refresh token is no bearer token, and nobody is nobody', async () => {
      const ann = await client.register();
      const call = (headers = {}) => client.post('/api/auth/logout-all', {}, headers);
      expectProblem(await call(), 401, 'token_missing');
      expectProblem(await call(bearer(ann.refreshToken)), 401, 'token_malformed');
      const cookie = { Cookie: `keyturn_refresh=${ann.refreshToken}`, Origin: keyturn.issuer };
      expectProblem(await call(cookie), 401, 'token_missing');
      expect(await rowOf(ann)).toEqual({ ended_at: null, end_reason: null });
    });
  });
});
