import { decodeJwt } from 'jose';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { answerRequests } from '../support/accounts.ts';
import { bearer, type Client, clientOf, PASSWORD, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { waitsForRow } from '../support/row-lock.ts';

const NEW_PASSWORD = 'an entirely different phrase';
const ROUNDS = 25;

// PGlite has one connection: nothing of a login falls within another's transaction.
describe.each(DRIVERS.filter(({ kind }) => kind === 'postgres'))(
  'a login that races a change of its account on $name',
  (driver) => {
    let keyturn: TestKeyturn;
    let client: Client;
    let ann: SignedIn;
    let hashes: { old: string; fresh: string };
    let connection: pg.Client;
    beforeAll(async () => {
      keyturn = await startKeyturn(driver);
      client = clientOf(keyturn);
      ann = await client.register();
      const bob = await client.register({ password: NEW_PASSWORD });
      hashes = { old: await hashOf(ann), fresh: await hashOf(bob) };
      connection = new pg.Client({
        connectionString: keyturn.config.database.url?.reveal(),
      });
      await connection.connect();
    });
    afterEach(async () => {
      await connection.query('ROLLBACK');
      await undo();
    });
    afterAll(async () => {
      await connection.end();
      await keyturn.close();
    });

    async function hashOf({ userId }: SignedIn): Promise<string> {
      const text = 'SELECT password_hash FROM users WHERE id = $1';
      const [row] = await keyturn.sql<{ password_hash: string }>(text, [userId]);
      return row?.password_hash ?? '';
    }
    const login = (more: object = {}, headers: Readonly<Record<string, string>> = {}) =>
      client
        .post('/api/auth/login', { email: ann.email, password: PASSWORD, ...more }, headers)
        .then((response) => response);
    /** In a browser that has a session already, which is to end with it. */
    const loginAgain = () =>
      login(
        { delivery: 'cookie' },
        { Origin: keyturn.issuer, Cookie: `keyturn_refresh=${ann.refreshToken}` },
      );
    const liveSessions = () =>
      keyturn.sql('SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL', [ann.userId]);

    /** The two ways to lock somebody out: the user's row first, the sessions second. */
    const CHANGES = {
      password: {
        text: 'UPDATE users SET password_hash = $2 WHERE id = $1',
        value: () => hashes.fresh,
        status: 401,
        code: 'invalid_credentials',
      },
      disabling: {
        text: 'UPDATE users SET disabled_at = $2 WHERE id = $1',
        value: () => keyturn.clock.now(),
        status: 403,
        code: 'account_disabled',
      },
    } as const;
    type Change = keyof typeof CHANGES;

    async function beginChange(change: Change) {
      const { text, value } = CHANGES[change];
      await connection.query('BEGIN');
      await connection.query(text, [ann.userId, value()]);
    }
    async function finishChange() {
      const end = `UPDATE sessions SET ended_at = $2, end_reason = 'password_changed'
        WHERE user_id = $1 AND ended_at IS NULL`;
      await connection.query(end, [ann.userId, keyturn.clock.now()]);
      await connection.query('COMMIT');
    }
    const undo = () =>
      keyturn.sql('UPDATE users SET password_hash = $2, disabled_at = NULL WHERE id = $1', [
        ann.userId,
        hashes.old,
      ]);
    const waits = (request: Promise<unknown>) => waitsForRow(keyturn, request);

    test.each<[Change, 'alone' | 'in place of another']>([
      ['password', 'alone'],
      ['disabling', 'alone'],
      ['password', 'in place of another'],
      ['disabling', 'in place of another'],
    ])(
      'loses to a %s that began before it took hold of the account, %s',
      async (change, manner) => {
        const { status, code } = CHANGES[change];
        for (let round = 0; round < ROUNDS; round++) {
          await beginChange(change);
          const inFlight = manner === 'alone' ? login() : loginAgain();
          await waits(inFlight);
          await finishChange();
          expectProblem(await inFlight, status, code);
          expect(await liveSessions()).toEqual([]);
          await undo();
        }
      },
    );

    test.each<Change>(['password', 'disabling'])(
      'survives no %s, whichever comes first',
      async (change) => {
        for (let round = 0; round < ROUNDS; round++) {
          const inFlight = [login(), login()];
          // Somewhere between the beginning and the end of the logins, a little later each round.
          for (let i = 0; i < round * 2; i++) await keyturn.database.ping();
          await beginChange(change);
          await finishChange();
          const responses = await Promise.all(inFlight);
          expect(await liveSessions()).toEqual([]);
          for (const response of responses) {
            if (response.status !== 200) continue;
            const { access_token: accessToken, refresh_token: refreshToken } = response.body;
            expectProblem(await client.me({ accessToken }), 401, 'session_ended');
            expectProblem(await client.refresh(refreshToken), 401, 'invalid_refresh_token');
          }
          await undo();
        }
      },
    );

    test('a change that is rolled back lets the waiting login in', async () => {
      await beginChange('password');
      const inFlight = login();
      await waits(inFlight);
      await connection.query('ROLLBACK');
      expect((await inFlight).status).toBe(200);
      expect(await liveSessions()).toHaveLength(1);
    });

    test('a login that waited for a change of address is of nobody any more', async () => {
      await connection.query('BEGIN');
      const change = 'UPDATE users SET email = $2 WHERE id = $1';
      await connection.query(change, [ann.userId, 'moved@example.com']);
      const inFlight = login();
      await waits(inFlight);
      await connection.query('COMMIT');
      expectProblem(await inFlight, 401, 'invalid_credentials');
      await keyturn.sql(change, [ann.userId, ann.email]);
    });

    test('a login that waited for a change of name says the new one', async () => {
      await connection.query('BEGIN');
      await connection.query("UPDATE users SET name = 'Ann Two' WHERE id = $1", [ann.userId]);
      const inFlight = login();
      await waits(inFlight);
      await connection.query('COMMIT');
      const { status, body } = await inFlight;
      expect(status).toBe(200);
      expect(body.user.name).toBe('Ann Two');
      const { name, sid } = decodeJwt(body.access_token);
      expect(name).toBe('Ann Two');
      const text = 'SELECT claims FROM sessions WHERE id = $1';
      const [row] = await keyturn.sql<{ claims: object }>(text, [sid]);
      expect(row?.claims).toEqual({ email: ann.email, email_verified: false, name: 'Ann Two' });
    });

    test('a login in flight is ended by a logout everywhere that follows it', async () => {
      const session = await client.login(ann);
      await connection.query('BEGIN');
      await connection.query('SELECT FROM users WHERE id = $1 FOR SHARE', [ann.userId]);
      const columns = `user_id, client_id, claims, generation, current_hash, rotated_at, recovered,
        created_at, expires_at, max_expires_at, last_used_at, last_address`;
      const copy = `INSERT INTO sessions (id, ${columns})
        SELECT gen_random_uuid(), ${columns} FROM sessions WHERE id = $1`;
      await connection.query(copy, [session.sessionId]);
      const inFlight = client
        .post('/api/auth/logout-all', {}, bearer(session.accessToken))
        .then((response) => response);
      await waits(inFlight);
      await connection.query('COMMIT');
      expect((await inFlight).status).toBe(204);
      expect(await liveSessions()).toEqual([]);
    });

    test('a request by mail for an account that is held holds up no other', async () => {
      const bob = await client.register();
      await connection.query('BEGIN');
      await connection.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [ann.userId]);
      for (const { email } of [ann, bob]) {
        await client.post('/api/auth/password/forgot', { email }).expect(202);
      }
      await answerRequests(keyturn);
      const waiting = () => keyturn.sql('SELECT email FROM account_requests');
      expect(await waiting()).toEqual([{ email: ann.email }]);
      await connection.query('ROLLBACK');
      await answerRequests(keyturn);
      expect(await waiting()).toEqual([]);
    });

    test('a refresh in flight loses to the end of its session', async () => {
      const session = await client.login(ann);
      await beginChange('disabling');
      const end =
        "UPDATE sessions SET ended_at = $2, end_reason = 'account_disabled' WHERE id = $1";
      await connection.query(end, [session.sessionId, keyturn.clock.now()]);
      const inFlight = client.refresh(session.refreshToken).then((response) => response);
      await waits(inFlight);
      await connection.query('COMMIT');
      expectProblem(await inFlight, 401, 'invalid_refresh_token');
      await undo();
    });
  },
);
