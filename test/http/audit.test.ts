import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recording } from '../../src/issuer/audit/recording.ts';
import { forgetUser } from '../../src/issuer/audit/store.ts';
import { carryOut } from '../../src/issuer/keys/transition.ts';
import { parseDuration, seconds } from '../../src/kit/duration.ts';
import type { UserId } from '../../src/kit/id.ts';
import {
  bearer,
  browserAt,
  type Client,
  clientOf,
  freshEmail,
  PASSWORD,
} from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

type Row = Record<string, unknown>;
const AGENT = { 'User-Agent': 'audit test' };

describe.each(DRIVERS)('the audit trail on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { RATE_LIMIT: 'off' } });
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  /** The stored events about a session or a user. */
  const stored = async (id: string): Promise<Row[]> => {
    await keyturn.parts.trail.flush();
    return keyturn.sql<Row>(
      'SELECT * FROM audit_events WHERE session_id = $1 OR user_id = $1 ORDER BY at, id',
      [id],
    );
  };
  const namesOf = async (id: string) => (await stored(id)).map(({ event }) => event);
  const post = (path: string, body: object) => client.post(path, body, AGENT);
  const pass = (length = seconds(1)) => keyturn.clock.advance(length);
  const successorOf = async (token: string) =>
    String((await client.refresh(token).expect(200)).body.refresh_token);

  test('keeps who, when, from where and in which request', async () => {
    pass();
    const fields = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
    const response = await post('/api/auth/register', fields);
    const { sid } = JSON.parse(
      Buffer.from(response.body.access_token.split('.')[1], 'base64url').toString(),
    );
    expect(await stored(sid)).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        at: keyturn.clock.now(),
        event: 'registered',
        user_id: response.body.user.id,
        session_id: sid,
        reason: null,
        address: '127.0.0.1',
        user_agent: 'audit test',
        request_id: response.headers['x-request-id'],
      },
    ]);
    expect(keyturn.events('registered', sid)).toHaveLength(1);
  });

  test('keeps logins that failed, and why where that is told', async () => {
    const ann = await client.register();
    const failed = async (password: string) => {
      const { headers } = await post('/api/auth/login', { email: ann.email, password });
      return headers['x-request-id'];
    };
    const wrong = await failed('wrong');
    await keyturn.sql('UPDATE users SET disabled_at = $2 WHERE id = $1', [
      ann.userId,
      keyturn.clock.now(),
    ]);
    const disabled = await failed(PASSWORD);
    const both = (await stored(ann.userId)).filter(({ event }) => event === 'login_failed');
    expect(both).toHaveLength(2);
    const byRequest = new Map(both.map((row) => [row.request_id, row]));
    const from = { session_id: null, address: '127.0.0.1', user_agent: 'audit test' };
    expect(byRequest.get(wrong)).toMatchObject({ ...from, reason: null });
    expect(byRequest.get(disabled)).toMatchObject({ ...from, reason: 'account_disabled' });
    const { headers } = await post('/api/auth/login', { email: freshEmail(), password: 'x' });
    await keyturn.parts.trail.flush();
    const [unknown] = await keyturn.sql<Row>('SELECT * FROM audit_events WHERE request_id = $1', [
      headers['x-request-id'],
    ]);
    expect(unknown).toMatchObject({ ...from, event: 'login_failed', user_id: null });
  });

  test('keeps each end of a session once', async () => {
    const ann = await client.register();
    pass();
    await client.logout(ann.refreshToken).expect(204);
    await client.logout(ann.refreshToken).expect(204);
    expect(await namesOf(ann.sessionId)).toEqual(['registered', 'logged_out']);

    const browser = browserAt(keyturn);
    const first = await browser.login(ann.email);
    pass();
    const second = await browser.login(ann.email);
    expect((await stored(first)).map(({ event, reason }) => [event, reason])).toEqual([
      ['logged_in', null],
      ['logged_out', 'replaced'],
    ]);
    expect(await namesOf(second)).toEqual(['logged_in']);

    const one = await client.login(ann);
    const other = await client.login(ann);
    pass();
    const end = () =>
      client.delete(`/api/auth/sessions/${one.sessionId}`, bearer(other.accessToken));
    await end().expect(204);
    await end().expect(404);
    expect(await namesOf(one.sessionId)).toEqual(['logged_in', 'session_ended']);
    pass();
    await client.post('/api/auth/logout-all', {}, bearer(other.accessToken)).expect(204);
    expect((await namesOf(ann.userId)).at(-1)).toBe('logged_out_everywhere');
  });

  test('keeps a theft together with the end of its session, once', async () => {
    const ann = await client.register();
    await successorOf(await successorOf(ann.refreshToken));
    pass(seconds(60));
    const thieves = await Promise.all(
      Array.from({ length: 5 }, () => client.refresh(ann.refreshToken)),
    );
    expect(thieves.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    expect(await namesOf(ann.sessionId)).toEqual(['registered', 'refresh_token_reused']);
    expect(keyturn.events('refresh_token_reused', ann.sessionId)).toEqual([
      expect.objectContaining({ address: '127.0.0.1', earlier_address: '127.0.0.1' }),
    ]);
  });

  test('counts refreshes and replays and does not store them; a recovery it stores', async () => {
    const ann = await client.register();
    const second = await successorOf(ann.refreshToken);
    pass();
    expect(await successorOf(ann.refreshToken)).toBe(second);
    expect(await successorOf(ann.refreshToken)).toBe(second);
    expect(await namesOf(ann.sessionId)).toEqual(['registered']);
    const row = async () =>
      (await keyturn.sql<Row>('SELECT * FROM sessions WHERE id = $1', [ann.sessionId]))[0];
    expect(await row()).toMatchObject({
      generation: 2,
      replays: 2,
      last_replay_at: keyturn.clock.now(),
      last_replay_address: '127.0.0.1',
    });
    expect(keyturn.events('refreshed', ann.sessionId)).toHaveLength(1);
    expect(keyturn.events('refresh_replayed', ann.sessionId)).toEqual([
      expect.objectContaining({ earlier_address: '127.0.0.1' }),
      expect.objectContaining({ earlier_address: '127.0.0.1' }),
    ]);
    pass(seconds(31));
    await successorOf(ann.refreshToken);
    expect(await namesOf(ann.sessionId)).toEqual(['registered', 'refresh_recovered']);
    expect(keyturn.events('refresh_recovered', ann.sessionId)).toEqual([
      expect.objectContaining({ earlier_address: '127.0.0.1' }),
    ]);
    expect(await row()).toMatchObject({ generation: 3, replays: 2 });
  });

  test('keeps who reached for somebody else’s todos', async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    pass();
    const reach = (id: string) =>
      client.get(`/api/users/${encodeURIComponent(id)}/todos`, bearer(ann.accessToken)).expect(403);
    await reach(bob.userId);
    await reach(bob.refreshToken);
    // Cut in the midst of a character.
    await reach(`${'a'.repeat(199)}\ud83d\ude00`);
    const rows = (await stored(ann.userId)).filter(({ event }) => event === 'cross_user_access');
    expect(rows.map(({ reason }) => reason).sort()).toEqual(
      [bob.userId, '[refresh token]', `${'a'.repeat(199)}\ufffd`].sort(),
    );
  });

  test('stores no more of what one user can cause without end than sixty a minute', async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    pass(seconds(60));
    const causes = {
      cross_user_access: () =>
        client.get(`/api/users/${bob.userId}/todos`, bearer(ann.accessToken)).expect(403),
      profile_changed: (n: number) =>
        client.patch('/api/auth/me', { name: `Ann ${n}` }, bearer(ann.accessToken)).expect(200),
    };
    const kept = async () => {
      const rows = await stored(ann.userId);
      return Object.keys(causes).map((name) => rows.filter(({ event }) => event === name).length);
    };
    for (let n = 0; n < 61; n += 1) for (const cause of Object.values(causes)) await cause(n);
    expect(await kept()).toEqual([60, 60]);
    // Nor does one user's flood hide what another does meanwhile.
    await client.patch('/api/auth/me', { name: 'Rob' }, bearer(bob.accessToken)).expect(200);
    expect(await namesOf(bob.userId)).toContain('profile_changed');
    for (const name of Object.keys(causes)) {
      expect(keyturn.events(name).length).toBeGreaterThan(60);
    }
    pass(seconds(60));
    for (const cause of Object.values(causes)) await cause(61);
    expect(await kept()).toEqual([61, 61]);
  });

  test('keeps rotations and revocations of keys', async () => {
    const { transitions } = keyturn.parts.issuer ?? {};
    if (!transitions) throw new Error('no issuer');
    const outcome = await carryOut(transitions, { kind: 'rotate', ifDue: false, force: true });
    if (outcome.kind !== 'change') throw new Error(`not rotated: ${outcome.reason}`);
    const [promoted] = outcome.redate.filter(({ activatedAt }) => activatedAt);
    pass();
    await carryOut(transitions, { kind: 'revoke_all' });
    const rows = await keyturn.sql<Row>(
      "SELECT event, reason FROM audit_events WHERE event LIKE 'keys%' ORDER BY at",
    );
    expect(rows).toEqual([
      { event: 'keys_rotated', reason: promoted?.kid },
      { event: 'keys_revoked', reason: 'all' },
    ]);
    await keyturn.parts.issuer?.keyring.poll();
    pass(parseDuration('1h'));
  });

  test('one of twenty registrations at once with one address is one event', async () => {
    const email = freshEmail();
    const body = { email, password: PASSWORD, name: 'Ann' };
    const all = await Promise.all(
      Array.from({ length: 20 }, () => client.post('/api/auth/register', body)),
    );
    const [first, ...others] = all.filter(({ status }) => status === 201);
    expect(others).toEqual([]);
    expect(await namesOf(first?.body.user.id)).toEqual(['registered']);
    expect(
      keyturn.events('registered').filter(({ user_id }) => user_id === first?.body.user.id),
    ).toHaveLength(1);
  });

  test('what is rolled back was never recorded, and nothing is said before the commit', async () => {
    const { database, parts } = keyturn;
    const deps = { database, trail: parts.trail };
    const ann = await client.register();
    const event = { event: 'account_imported', userId: ann.userId } as const;
    pass();
    const undone = recording(deps, async (_, record) => {
      record(event);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await namesOf(ann.userId)).toEqual(['registered']);
    expect(keyturn.events('account_imported')).toEqual([]);
    const done = await recording(deps, async (_, record) => {
      record(event);
      return keyturn.events('account_imported').length;
    });
    expect(done).toBe(0);
    expect(keyturn.events('account_imported')).toHaveLength(1);
    expect(await namesOf(ann.userId)).toEqual(['registered', 'account_imported']);
  });

  test('a login that cannot be recorded does not happen', async () => {
    const ann = await client.register();
    await keyturn.sql('ALTER TABLE audit_events RENAME TO elsewhere');
    try {
      const body = { email: ann.email, password: PASSWORD };
      expect((await client.post('/api/auth/login', body)).status).toBe(500);
      expect((await client.logout(ann.refreshToken)).status).toBe(500);
    } finally {
      await keyturn.sql('ALTER TABLE elsewhere RENAME TO audit_events');
    }
    expect(keyturn.events('logged_in').filter((line) => line.user_id === ann.userId)).toEqual([]);
    const sessions = await keyturn.sql<Row>('SELECT ended_at FROM sessions WHERE user_id = $1', [
      ann.userId,
    ]);
    expect(sessions).toEqual([{ ended_at: null }]);
  });

  test('an event in the midst of somebody’s transaction is stored all the same', async () => {
    const ann = await client.register();
    pass();
    await keyturn.database.transaction(async () => {
      keyturn.parts.trail.record({ event: 'password_refused', userId: ann.userId });
    });
    expect(await namesOf(ann.userId)).toEqual(['registered', 'password_refused']);
  });

  test('a user who is forgotten leaves what happened and when, not from where', async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    await post('/api/auth/login', { email: ann.email, password: 'wrong' });
    pass();
    await keyturn.parts.trail.flush();
    const origin = { address: '192.0.2.7', userAgent: 'audit test', requestId: 'r-1' };
    await recording({ ...keyturn, trail: keyturn.parts.trail }, async (_tx, record) => {
      record({ event: 'account_deleted', userId: ann.userId, origin });
    });
    const forget = () => forgetUser(keyturn.database.db, ann.userId as UserId, 1);
    for (const n of [1, 1, 0]) expect(await forget()).toBe(n);
    const rows = await stored(ann.userId);
    expect(rows.map(({ event }) => event).sort()).toEqual([
      'account_deleted',
      'login_failed',
      'registered',
    ]);
    for (const row of rows) expect(row).toMatchObject({ address: null, user_agent: null });
    expect((await stored(bob.userId))[0]).toMatchObject({ address: '127.0.0.1' });
  });

  test('holds no address of mail, password or token', async () => {
    const ann = await client.register();
    const body = { email: ann.email, password: `wrong ${PASSWORD}` };
    pass();
    await client.post('/api/auth/login', body, {
      'User-Agent': `curl \\${ann.refreshToken} Bearer ${ann.accessToken}`,
    });
    expect((await stored(ann.userId)).at(-1)).toMatchObject({
      user_agent: 'curl \\[refresh token] Bearer [redacted]',
    });
    const dump = JSON.stringify(await keyturn.sql('SELECT * FROM audit_events'));
    expect(dump.length).toBeGreaterThan(2000);
    for (const secret of ['@example.com', PASSWORD, 'ktr_', 'eyJ']) {
      expect(dump).not.toContain(secret);
    }
  });
});

describe.each(DRIVERS)('a stop on $name', (driver) => {
  test('stores what came last before it closes the database', async () => {
    const keyturn = await startKeyturn(driver);
    const { database, issuer, trail } = keyturn.parts;
    if (!issuer) throw new Error('no issuer');
    const stored = async () =>
      (await keyturn.sql<Row>("SELECT id FROM audit_events WHERE event = 'login_failed'")).length;
    const { stop } = issuer.jobs;
    const { close } = database;
    let atTheEnd = -1;
    Object.assign(issuer.jobs, {
      async stop() {
        await stop();
        for (let i = 0; i < 3000; i++) trail.record({ event: 'login_failed' });
      },
    });
    Object.assign(database, {
      async close() {
        atTheEnd = await stored();
        await close();
      },
    });
    await keyturn.close();
    expect(atTheEnd).toBe(3000);
  });
});
