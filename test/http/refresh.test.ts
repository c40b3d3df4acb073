import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds, seconds, sum, times } from '../../src/kit/duration.ts';
import { type Client, claimsOf, clientOf, partOf, setCookies } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const WINDOW = seconds(30);
const DAY = seconds(86_400);
const WEEK = 604_800;
const INSTANT = milliseconds(1);

describe.each(DRIVERS)('POST /api/auth/refresh with a body on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const pass = (...time: Parameters<typeof sum>) => keyturn.clock.advance(sum(...time));
  /** Refreshes and answers the successor. */
  async function successorOf(token: string, expiresIn?: number): Promise<string> {
    const { status, body } = await client.refresh(token);
    expect({ status, code: body.code }).toEqual({ status: 200, code: undefined });
    if (expiresIn !== undefined) expect(body.refresh_expires_in).toBe(expiresIn);
    return body.refresh_token;
  }
  const rowOf = async (sessionId: string) =>
    (
      await keyturn.sql<Record<string, unknown>>('SELECT * FROM sessions WHERE id = $1', [
        sessionId,
      ])
    )[0];

  test('answers tokens without the user', async () => {
    const ann = await client.register({ name: 'Ann' });
    pass(seconds(100));
    const response = await client.refresh(ann.refreshToken);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(setCookies(response)).toEqual([]);
    expect(response.body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^ktr_[\w-]+$/),
      refresh_expires_in: WEEK,
    });
    expect(response.body.refresh_token).not.toBe(ann.refreshToken);
    const old = claimsOf(ann.accessToken);
    const iat = Number(old.iat) + 100;
    const { jti, ...fresh } = claimsOf(response.body.access_token);
    const { jti: oldJti, ...rest } = old;
    expect(fresh).toEqual({ ...rest, iat, exp: iat + 900 });
    expect(jti).not.toBe(oldJti);
    expect(partOf(response.body.access_token, 0)).toEqual(partOf(ann.accessToken, 0));
    expect(keyturn.events('refreshed', ann.sessionId)).toHaveLength(1);
  });

  test('all who refresh at once receive what is their own, whatever becomes of the others', async () => {
    const users = [];
    for (let i = 0; i < 12; i += 1) users.push(await client.register({ name: `User ${i}` }));
    const [thief, gone, ...honest] = users;
    if (!thief || !gone) throw new Error('there are users');
    await successorOf(await successorOf(thief.refreshToken));
    await client.post('/api/auth/logout', { refresh_token: gone.refreshToken }).expect(204);

    const refresh = ({ refreshToken }: { readonly refreshToken: string }) =>
      client.refresh(refreshToken);
    const [stolen, over, answers] = await Promise.all([
      refresh(thief),
      refresh(gone),
      Promise.all([...honest, ...honest].map(refresh)),
    ]);
    expectProblem(stolen, 401, 'refresh_token_reused');
    expectProblem(over, 401, 'invalid_refresh_token');
    for (const [i, { sessionId }] of [...honest, ...honest].entries()) {
      const claims = claimsOf(answers[i]?.body.access_token);
      expect([claims.name, claims.sid]).toEqual([`User ${2 + (i % honest.length)}`, sessionId]);
      expect(answers[i]?.body.refresh_token).toBe(answers[i % honest.length]?.body.refresh_token);
      expect(await rowOf(sessionId)).toMatchObject({ generation: 2, ended_at: null });
    }
    for (const { body } of answers.slice(0, honest.length)) await successorOf(body.refresh_token);
  });

  test('all who present one token at once receive one successor', async () => {
    const ann = await client.register();
    const storm = Array.from({ length: 20 }, () => successorOf(ann.refreshToken, WEEK));
    const successors = new Set(await Promise.all(storm));
    expect(successors.size).toBe(1);
    expect(keyturn.events('refresh_replayed', ann.sessionId)).toHaveLength(19);
    expect(await rowOf(ann.sessionId)).toMatchObject({ generation: 2, recovered: false });
  });

  test('a retry within the window receives the same successor, and no expiry moves', async () => {
    const ann = await client.register();
    const successor = await successorOf(ann.refreshToken, WEEK);
    pass(seconds(10));
    expect(await successorOf(ann.refreshToken, WEEK - 10)).toBe(successor);
    pass(seconds(19.999));
    expect(await successorOf(ann.refreshToken, WEEK - 30)).toBe(successor);
    await successorOf(successor, WEEK);
  });

  test('the window counts from the rotation, not from the latest retry', async () => {
    const ann = await client.register();
    const successor = await successorOf(ann.refreshToken);
    pass(seconds(20));
    expect(await successorOf(ann.refreshToken)).toBe(successor);
    pass(seconds(10));
    expect(await successorOf(ann.refreshToken)).not.toBe(successor);
  });

  test('after the window an unused successor is voided, once, and keeps its end', async () => {
    const ann = await client.register();
    const voided = await successorOf(ann.refreshToken, WEEK);
    pass(WINDOW);
    const recovered = await successorOf(ann.refreshToken, WEEK - 30);
    expect(recovered).not.toBe(voided);
    expect(keyturn.events('refresh_recovered', ann.sessionId)).toHaveLength(1);
    // Retries of the recovery itself are answered alike for a window of their own.
    pass(WINDOW, milliseconds(-1));
    expect(await successorOf(ann.refreshToken, WEEK - 60)).toBe(recovered);
    expect(keyturn.events('refresh_recovered', ann.sessionId)).toHaveLength(1);
    const next = await successorOf(recovered, WEEK);
    await successorOf(next);
    expect(keyturn.events('refresh_token_reused', ann.sessionId)).toEqual([]);
  });

  test('many late retries at once are one recovery', async () => {
    const ann = await client.register();
    await successorOf(ann.refreshToken);
    pass(DAY);
    const storm = Array.from({ length: 20 }, () => successorOf(ann.refreshToken, WEEK - 86_400));
    expect(new Set(await Promise.all(storm)).size).toBe(1);
    expect(keyturn.events('refresh_recovered', ann.sessionId)).toHaveLength(1);
  });

  test('each generation may be recovered once: the next rotation clears the mark', async () => {
    const ann = await client.register();
    let token = ann.refreshToken;
    for (let i = 0; i < 3; i++) {
      await successorOf(token);
      pass(WINDOW);
      token = await successorOf(token);
    }
    expect(keyturn.events('refresh_recovered', ann.sessionId)).toHaveLength(3);
  });

  test('a token lives seven days from its issue and not an instant longer', async () => {
    const ann = await client.register();
    const bob = await client.register();
    pass(times(7, DAY), milliseconds(-1));
    const { body } = await client.refresh(ann.refreshToken);
    expect(body.refresh_expires_in).toBe(WEEK);
    pass(INSTANT);
    expectProblem(await client.refresh(bob.refreshToken), 401, 'invalid_refresh_token');
    expect(await rowOf(bob.sessionId)).toMatchObject({ generation: 1, ended_at: null });
    await successorOf(body.refresh_token);
  });

  test('no token outlives the session, thirty days from the login', async () => {
    const ann = await client.register();
    let token = ann.refreshToken;
    for (const left of [WEEK, WEEK, WEEK, 6 * 86_400]) {
      pass(times(6, DAY));
      token = await successorOf(token, left);
    }
    pass(times(6, DAY), milliseconds(-1));
    // What is left of a second is no whole one.
    token = await successorOf(token, 0);
    pass(INSTANT);
    expectProblem(await client.refresh(token), 401, 'invalid_refresh_token');
    expect(keyturn.events('refresh_token_reused', ann.sessionId)).toEqual([]);
  });

  test('a consumed token whose own time is over changes nothing', async () => {
    const ann = await client.register();
    pass(times(6, DAY));
    const successor = await successorOf(ann.refreshToken);
    pass(DAY);
    const before = await rowOf(ann.sessionId);
    expectProblem(await client.refresh(ann.refreshToken), 401, 'invalid_refresh_token');
    expect(await rowOf(ann.sessionId)).toEqual(before);
    await successorOf(successor);
  });

  test('a retry whose successor cannot be told is a 503 that changes nothing', async () => {
    const ann = await client.register();
    const successor = await successorOf(ann.refreshToken);
    const salt = (await rowOf(ann.sessionId))?.salt;
    const write = (value: unknown) =>
      keyturn.sql('UPDATE sessions SET salt = $2 WHERE id = $1', [ann.sessionId, value]);
    await write(Buffer.alloc(16));
    const before = await rowOf(ann.sessionId);
    expectProblem(await client.refresh(ann.refreshToken), 503, 'unavailable');
    expect(await rowOf(ann.sessionId)).toEqual(before);
    await write(salt);
    expect(await successorOf(ann.refreshToken)).toBe(successor);
  });

  test('GET never refreshes', async () => {
    const ann = await client.register();
    const response = await client.get(`/api/auth/refresh?refresh_token=${ann.refreshToken}`, {
      Cookie: `keyturn_refresh=${ann.refreshToken}`,
      Origin: keyturn.issuer,
    });
    expectProblem(response, 405, 'method_not_allowed');
    expect(await rowOf(ann.sessionId)).toMatchObject({ generation: 1 });
  });

  test('a refresh is one row of the same session, with its latest use', async () => {
    const ann = await client.register();
    pass(seconds(60));
    const token = { refresh_token: ann.refreshToken };
    await client.post('/api/auth/refresh', token, { 'User-Agent': 'Other/2' }).expect(200);
    const rows = await keyturn.sql('SELECT id FROM sessions WHERE user_id = $1', [ann.userId]);
    expect(rows).toEqual([{ id: ann.sessionId }]);
    expect(await rowOf(ann.sessionId)).toMatchObject({
      last_used_at: keyturn.clock.now(),
      user_agent: 'Other/2',
      last_address: '127.0.0.1',
    });
  });
});
