import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { bearer, type Client, clientOf, PASSWORD, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { operationsOf } from '../support/user-operations.ts';

const MOST = 1000;

describe.each(DRIVERS)('sessions of one user at a time on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  /** More sessions as the first: number n was used n seconds before it, from the address n. */
  const add = (who: SignedIn, count: number, { from = 1, expired = false } = {}) =>
    keyturn.sql(
      `INSERT INTO sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
         recovered, created_at, expires_at, max_expires_at, last_used_at, last_address)
       SELECT gen_random_uuid(), user_id, client_id, claims, 1, current_hash, rotated_at, false,
         created_at, CASE WHEN $3 THEN created_at ELSE expires_at END, max_expires_at,
         last_used_at - n * interval '1 s', n::text
       FROM sessions, generate_series($4::int, $4::int + $2::int - 1) AS n WHERE id = $1`,
      [who.sessionId, count, expired, from],
    );
  const endedOf = (who: SignedIn) =>
    keyturn.sql<{ id: string; last_address: string; end_reason: string }>(
      `SELECT id, last_address, end_reason FROM sessions
       WHERE user_id = $1 AND ended_at IS NOT NULL ORDER BY last_used_at`,
      [who.userId],
    );
  const notEnded = async (who: SignedIn) =>
    (
      await keyturn.sql<{ n: number }>(
        'SELECT count(*)::int AS n FROM sessions WHERE user_id = $1 AND ended_at IS NULL',
        [who.userId],
      )
    )[0]?.n;
  const explain = async (id: string | undefined) =>
    (await operationsOf(keyturn)('sessions explain', { id })).result;
  const listed = async ({ accessToken }: SignedIn): Promise<{ id: string; ip: string }[]> =>
    (await client.get('/api/auth/sessions', bearer(accessToken))).body.sessions;

  test('past a thousand a login ends the one not used for longest, and says so', async () => {
    const bob = await client.register();
    const ann = await client.register();
    await add(ann, MOST - 2);
    keyturn.clock.advance(seconds(1));
    await client.login(ann);
    expect(await endedOf(ann)).toEqual([]);
    const login = await client.login(ann);
    const [gone, ...more] = await endedOf(ann);
    expect(more).toEqual([]);
    expect(gone).toMatchObject({ last_address: `${MOST - 2}`, end_reason: 'too_many_sessions' });
    const sessions = await listed(login);
    expect(sessions).toHaveLength(MOST);
    expect(sessions.map(({ id }) => id)).toContain(login.sessionId);
    expect(keyturn.events('session_ended', gone?.id)).toMatchObject([
      { reason: 'too_many_sessions', user_id: ann.userId, address: '127.0.0.1' },
    ]);
    expect((await client.me(bob)).status).toBe(200);
    expect(await explain(gone?.id)).toMatchObject({
      state: 'ended',
      ended: { address: '127.0.0.1' },
    });
  });

  test('a login that replaces a session makes room by that alone', async () => {
    const ann = await client.register();
    await add(ann, MOST - 1);
    const again = { email: ann.email, password: PASSWORD, delivery: 'cookie' };
    const headers = { Origin: keyturn.issuer, Cookie: `keyturn_refresh=${ann.refreshToken}` };
    await client.post('/api/auth/login', again, headers).expect(200);
    const ended = await endedOf(ann);
    expect(ended).toMatchObject([{ id: ann.sessionId, end_reason: 'replaced' }]);
    expect(await notEnded(ann)).toBe(MOST);
  });

  test('what is refreshed stays, however many are opened and left', async () => {
    const ann = await client.register();
    keyturn.clock.advance(seconds(3600));
    await add(ann, MOST - 1);
    const refreshed = await client.refresh(ann.refreshToken).expect(200);
    const first = await client.login(ann);
    expect((await endedOf(ann)).map((row) => row.last_address)).toEqual([`${MOST - 1}`]);
    await client.refresh(refreshed.body.refresh_token).expect(200);
    await client.refresh(first.refreshToken).expect(200);
  });

  test('the token of one that was ended so is refused as any that is over', async () => {
    const ann = await client.register();
    keyturn.clock.advance(seconds(1));
    const other = await client.login(ann);
    await add(other, MOST - 2);
    await keyturn.sql(
      "UPDATE sessions SET last_used_at = last_used_at - interval '1 h' WHERE id = $1",
      [ann.sessionId],
    );
    await client.login(ann);
    expect((await endedOf(ann)).map(({ id }) => id)).toEqual([ann.sessionId]);
    expectProblem(await client.refresh(ann.refreshToken), 401, 'invalid_refresh_token');
    expectProblem(await client.me(ann), 401, 'session_ended');
    expect(keyturn.events('refresh_token_reused', ann.sessionId)).toEqual([]);
  });

  test('a backlog is worked off, and those that have expired are not told of', async () => {
    const ann = await client.register();
    await add(ann, MOST + 200);
    await add(ann, 50, { from: 2000, expired: true });
    const before = keyturn.events('session_ended').length;
    await client.login(ann);
    expect(await notEnded(ann)).toBe(MOST);
    const rows = await endedOf(ann);
    expect(rows).toHaveLength(252);
    const told = keyturn.events('session_ended').slice(before);
    expect(told.map((event) => event.session_id).sort()).toEqual(
      rows
        .slice(50)
        .map(({ id }) => id)
        .sort(),
    );
    expect(await explain(rows[0]?.id)).toMatchObject({
      state: 'expired',
      session: { last_address: '2049' },
    });
    expect(await explain(rows[50]?.id)).toMatchObject({
      state: 'ended',
      session: { last_address: '1200' },
    });
  });

  test('logins at once end none of each other', async () => {
    const ann = await client.register();
    await add(ann, MOST - 1);
    keyturn.clock.advance(seconds(1));
    const crowd = await Promise.all(Array.from({ length: 12 }, () => client.login(ann)));
    for (const one of crowd) await client.refresh(one.refreshToken).expect(200);
    await client.login(ann);
    expect(await notEnded(ann)).toBe(MOST);
  });
});

describe.each(DRIVERS.filter(({ kind }) => kind === 'postgres'))(
  'a session that somebody holds on $name',
  (driver) => {
    test('is passed over, and no login waits for it', async () => {
      const keyturn = await startKeyturn(driver);
      const client = clientOf(keyturn);
      const ann = await client.register();
      keyturn.clock.advance(seconds(1));
      const connection = new pg.Client({
        connectionString: keyturn.config.database.url?.reveal(),
      });
      await connection.connect();
      await connection.query(
        `INSERT INTO sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
           recovered, created_at, expires_at, max_expires_at, last_used_at, last_address)
         SELECT gen_random_uuid(), user_id, client_id, claims, 1, current_hash, rotated_at, false,
           created_at, expires_at, max_expires_at, last_used_at + interval '1 s', ''
         FROM sessions, generate_series(1, $2::int) WHERE id = $1`,
        [ann.sessionId, MOST - 1],
      );
      await connection.query('BEGIN');
      await connection.query('SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE', [ann.sessionId]);
      await client.post('/api/auth/login', { email: ann.email, password: PASSWORD }).expect(200);
      await connection.query('ROLLBACK');
      expect((await client.me(ann)).status).toBe(200);
      await client.login(ann);
      expectProblem(await client.me(ann), 401, 'session_ended');
      await connection.end();
      await keyturn.close();
    });
  },
);
