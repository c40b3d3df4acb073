import { decodeJwt } from 'jose';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { waitsForRow } from '../support/row-lock.ts';

const USERS = 6;
const ROUNDS = 5;

// PGlite has one connection: nobody else can hold a row.
describe.each(DRIVERS.filter(({ kind }) => kind === 'postgres'))(
  'refreshes at once, of which one is held up by another transaction, on $name',
  (driver) => {
    let keyturn: TestKeyturn;
    let client: Client;
    let connection: pg.Client;
    beforeAll(async () => {
      keyturn = await startKeyturn(driver);
      client = clientOf(keyturn);
      connection = new pg.Client({ connectionString: keyturn.config.database.url?.reveal() });
      await connection.connect();
    });
    afterAll(async () => {
      await connection.end();
      await keyturn.close();
    });

    const refresh = (token: string) => client.refresh(token).then((response) => response);

    /** Has all refresh while `text` holds the session of one; answers his, after the commit. */
    async function beside(held: SignedIn, others: readonly SignedIn[], text: string) {
      await connection.query('BEGIN');
      await connection.query(text, [held.sessionId]);
      const his = refresh(held.refreshToken);
      const theirs = await Promise.all(others.map(({ refreshToken }) => refresh(refreshToken)));
      expect(theirs.map(({ status }) => status)).toEqual(others.map(() => 200));
      await waitsForRow(keyturn, his);
      await connection.query('COMMIT');
      return his;
    }
    async function crowd(): Promise<[SignedIn, ...SignedIn[]]> {
      const held = await client.register();
      return [
        held,
        ...(await Promise.all(Array.from({ length: USERS - 1 }, () => client.register()))),
      ];
    }

    test('the rest do not wait, and the one is rotated once the row is free', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const [held, ...others] = await crowd();
        const share = 'SELECT FROM sessions WHERE id = $1 FOR SHARE';
        const { status, body } = await beside(held, others, share);
        expect(status).toBe(200);
        expect(body.refresh_token).not.toBe(held.refreshToken);
        expect((await refresh(held.refreshToken)).body.refresh_token).toBe(body.refresh_token);
      }
    });

    test('its token says what the other transaction made of it', async () => {
      const [held, ...others] = await crowd();
      const rename = `UPDATE sessions SET claims = claims || '{"name": "Ann Two"}' WHERE id = $1`;
      const { status, body } = await beside(held, others, rename);
      expect(status).toBe(200);
      expect(decodeJwt(body.access_token).name).toBe('Ann Two');
    });

    test('it is over where the other transaction has ended the session', async () => {
      const [held, ...others] = await crowd();
      const end = `UPDATE sessions SET ended_at = now(), end_reason = 'logged_out' WHERE id = $1`;
      expectProblem(await beside(held, others, end), 401, 'invalid_refresh_token');
    });
  },
);
