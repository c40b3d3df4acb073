import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds, times } from '../../src/kit/duration.ts';
import { bearer, type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const DAY = seconds(86_400);

describe.each(DRIVERS)('a user and their sessions on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const now = () => keyturn.clock.now();
  const list = ({ accessToken }: SignedIn) => client.get('/api/auth/sessions', bearer(accessToken));
  const end = (who: SignedIn, id: string) =>
    client.delete(`/api/auth/sessions/${id}`, bearer(who.accessToken));
  const idsOf = async (who: SignedIn) =>
    (await list(who)).body.sessions.map((session: { id: string }) => session.id);

  describe('GET /api/auth/me', () => {
    test('answers the user, bare', async () => {
      const ann = await client.register({ name: 'Ann' });
      const response = await client.me(ann);
      expect(response.status).toBe(200);
      expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.headers.vary).toBe('Origin');
      expect(response.headers['x-request-id']).toMatch(/./);
      expect(response.body).toEqual({
        id: ann.userId,
        email: ann.email,
        email_verified: false,
        name: 'Ann',
        created_at: now().toISOString(),
      });
    });

    test('answers what is true now, not what the token says', async () => {
      const ann = await client.register();
      const set = "UPDATE users SET name = 'Anna', email_verified = true WHERE id = $1";
      await keyturn.sql(set, [ann.userId]);
      expect((await client.me(ann)).body).toMatchObject({ name: 'Anna', email_verified: true });
    });

    test('a token is good for 900 seconds and not an instant longer', async () => {
      const ann = await client.register();
      keyturn.clock.advance(seconds(899.999));
      expect((await client.me(ann)).status).toBe(200);
      keyturn.clock.advance(seconds(0.001));
      expectProblem(await client.me(ann), 401, 'token_expired');
    });

    test('a user who is gone has no session', async () => {
      const ann = await client.register();
      await keyturn.sql('DELETE FROM users WHERE id = $1', [ann.userId]);
      expectProblem(await client.me(ann), 401, 'session_ended');
    });

    test('HEAD answers the same without a body, other methods are refused', async () => {
      const ann = await client.register();
      const url = `${keyturn.url}/api/auth/me`;
      const head = await fetch(url, { method: 'HEAD', headers: bearer(ann.accessToken) });
      expect(head.status).toBe(200);
      expect(await head.text()).toBe('');
      const put = await client.post('/api/auth/me', {}, bearer(ann.accessToken));
      expectProblem(put, 405, 'method_not_allowed');
      expect(put.headers.allow).toContain('GET');
    });
  });

  describe('GET /api/auth/sessions', () => {
    test('of very many lists a thousand, those used last', async () => {
      const ann = await client.register();
      await keyturn.sql(
        `INSERT INTO sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
           recovered, created_at, expires_at, max_expires_at, last_used_at, last_address)
         SELECT gen_random_uuid(), user_id, client_id, claims, 1, current_hash, rotated_at, false,
           created_at, expires_at, max_expires_at, last_used_at - n * interval '1 s', n::text
         FROM sessions, generate_series(1, 1100) AS n WHERE user_id = $1`,
        [ann.userId],
      );
      const { sessions } = (await list(ann)).body;
      expect(sessions).toHaveLength(1000);
      expect(sessions[0].current).toBe(true);
      expect(sessions.at(-1).ip).toBe('999');
    });

    test('lists what is live, the one used last first', async () => {
      const ann = await client.register();
      const body = { email: ann.email, password: 'correct horse battery staple' };
      const agent = { 'User-Agent': 'Phone/1.0 (äöü)' };
      keyturn.clock.advance(seconds(1));
      const phone = await client.post('/api/auth/login', body, agent);
      const signedIn = now();
      keyturn.clock.advance(seconds(60));
      await client.refresh(ann.refreshToken);
      const response = await client.get('/api/auth/sessions', bearer(phone.body.access_token));
      expect(response.status).toBe(200);
      expect(response.headers['cache-control']).toBe('no-store');
      const later = (from: Date, by: number) => new Date(from.getTime() + by * 1000).toISOString();
      expect(response.body).toEqual({
        sessions: [
          {
            id: ann.sessionId,
            current: false,
            created_at: later(signedIn, -1),
            last_used_at: now().toISOString(),
            expires_at: later(now(), 604_800),
            user_agent: null,
            ip: '127.0.0.1',
          },
          {
            id: expect.stringMatching(/^[0-9a-f-]{36}$/),
            current: true,
            created_at: signedIn.toISOString(),
            last_used_at: signedIn.toISOString(),
            expires_at: later(signedIn, 604_800),
            user_agent: expect.stringMatching(/^Phone\/1\.0 \([ -~]+\)$/),
            ip: '127.0.0.1',
          },
        ],
      });
      expect(response.text).not.toMatch(/hash|salt|ktr_/);
    });

    test('leaves out what is over, expired or of another user', async () => {
      const bob = await client.register();
      const ann = await client.register();
      const ended = await client.login(ann);
      await client.logout(ended.refreshToken);
      expect(await idsOf(ann)).toEqual([ann.sessionId]);
      expect(await idsOf(bob)).toEqual([bob.sessionId]);
      keyturn.clock.advance(times(7, DAY));
      const later = await client.login(ann);
      expect(await idsOf(later)).toEqual([later.sessionId]);
    });
  });

  describe('DELETE /api/auth/sessions/:id', () => {
    test('ends one session of the user', async () => {
      const ann = await client.register();
      const phone = await client.login(ann);
      const response = await end(ann, phone.sessionId);
      expect(response.status).toBe(204);
      expect(response.text).toBe('');
      expectProblem(await client.refresh(phone.refreshToken), 401, 'invalid_refresh_token');
      expectProblem(await client.me(phone), 401, 'session_ended');
      expect(await idsOf(ann)).toEqual([ann.sessionId]);
      const [row] = await keyturn.sql('SELECT end_reason FROM sessions WHERE id = $1', [
        phone.sessionId,
      ]);
      expect(row).toEqual({ end_reason: 'ended_by_user' });
      expectProblem(await end(ann, phone.sessionId), 404, 'not_found');
    });

    test('ends the own one too', async () => {
      const ann = await client.register();
      expect((await end(ann, ann.sessionId.toUpperCase())).status).toBe(204);
      expectProblem(await client.me(ann), 401, 'session_ended');
    });

    test("another user's is as absent as none", async () => {
      const ann = await client.register();
      const bob = await client.register();
      const foreign = await end(ann, bob.sessionId);
      expectProblem(foreign, 404, 'not_found');
      const absent = await end(ann, randomUUID());
      expectProblem(absent, 404, 'not_found');
      const plain = ({ text, body }: typeof absent) => text.replace(body.request_id, '');
      expect(plain(absent)).toBe(plain(foreign));
      expect((await client.me(bob)).status).toBe(200);
      await client.refresh(bob.refreshToken).expect(200);
    });

    test.each(['1', 'me', 'null', "'%20or%201=1", '00000000-0000-0000-0000-00000000000g', '..'])(
      'the id %s is none',
      async (id) => {
        const ann = await client.register();
        const response = await fetch(`${keyturn.url}/api/auth/sessions/${id}`, {
          method: 'DELETE',
          headers: bearer(ann.accessToken),
        });
        expect(response.status).toBe(404);
        expect(await response.json()).toMatchObject({ code: 'not_found' });
        expect(await idsOf(ann)).toEqual([ann.sessionId]);
      },
    );
  });

  test.each<[string, string]>([
    ['GET', '/api/auth/me'],
    ['GET', '/api/auth/sessions'],
    ['DELETE', `/api/auth/sessions/${randomUUID()}`],
    ['POST', '/api/auth/logout-all'],
  ])('%s %s wants a live bearer', async (method, path) => {
    const call = async (headers: Record<string, string>) => {
      const response = await fetch(keyturn.url + path, { method, headers });
      const { status } = response;
      const answer = Object.fromEntries(response.headers);
      return { status, headers: answer, body: await response.json() };
    };
    const ann = await client.register();
    expectProblem(await call({}), 401, 'token_missing');
    expectProblem(await call(bearer('garbage')), 401, 'token_malformed');
    expectProblem(await call(bearer(ann.refreshToken)), 401, 'token_malformed');
    await client.logout(ann.refreshToken);
    expectProblem(await call(bearer(ann.accessToken)), 401, 'session_ended');
    const bob = await client.register();
    keyturn.clock.advance(seconds(900));
    expectProblem(await call(bearer(bob.accessToken)), 401, 'token_expired');
  });
});
