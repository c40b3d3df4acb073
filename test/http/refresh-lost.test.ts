import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const WINDOW = seconds(30);

describe.each(DRIVERS)(
  'a refresh token ahead of its row, whose commits the database lost, on $name',
  (driver) => {
    let keyturn: TestKeyturn;
    let client: Client;
    beforeAll(async () => {
      keyturn = await startKeyturn(driver);
      client = clientOf(keyturn);
    });
    afterAll(() => keyturn.close());

    async function successorOf(token: string): Promise<string> {
      const { status, body } = await client.refresh(token);
      expect({ status, code: body.code }).toEqual({ status: 200, code: undefined });
      return body.refresh_token;
    }
    async function rowOf({ sessionId }: SignedIn) {
      const text = 'SELECT * FROM sessions WHERE id = $1';
      const [row] = await keyturn.sql<Record<string, unknown>>(text, [sessionId]);
      return row;
    }
    /** Puts a session's row back to what it was. */
    async function restore({ sessionId }: SignedIn, row: Record<string, unknown> | undefined) {
      const columns = Object.keys(row ?? {}).filter((name) => !['id', 'claims'].includes(name));
      const set = columns.map((name, i) => `${name} = $${i + 2}`).join(', ');
      const values = columns.map((name) => row?.[name]);
      await keyturn.sql(`UPDATE sessions SET ${set} WHERE id = $1`, [sessionId, ...values]);
    }
    async function expectLost(who: SignedIn, token: string) {
      expectProblem(await client.refresh(token), 401, 'invalid_refresh_token');
      expect(await rowOf(who)).toMatchObject({ end_reason: 'state_lost' });
      expect(keyturn.events('refresh_token_reused', who.sessionId)).toEqual([]);
      expect(keyturn.events('refresh_state_lost', who.sessionId)).toHaveLength(1);
      expectProblem(await client.me(who), 401, 'session_ended');
    }

    test('by one generation, by two', async () => {
      for (const rotations of [1, 2]) {
        const ann = await client.register();
        const before = await rowOf(ann);
        let token = ann.refreshToken;
        for (let i = 0; i < rotations; i++) token = await successorOf(token);
        await restore(ann, before);
        await expectLost(ann, token);
        expectProblem(await client.refresh(ann.refreshToken), 401, 'invalid_refresh_token');
      }
    });

    test('of the same generation: the rotation was lost and done anew', async () => {
      const ann = await client.register();
      const before = await rowOf(ann);
      const lost = await successorOf(ann.refreshToken);
      await restore(ann, before);
      const successor = await successorOf(ann.refreshToken);
      expect(successor).not.toBe(lost);
      await expectLost(ann, lost);
    });

    test('a lost recovery', async () => {
      const ann = await client.register();
      await successorOf(ann.refreshToken);
      keyturn.clock.advance(WINDOW);
      const before = await rowOf(ann);
      const recovered = await successorOf(ann.refreshToken);
      await restore(ann, before);
      await expectLost(ann, recovered);
    });

    test('the consumed token before the lost commit is simply current again', async () => {
      const ann = await client.register();
      const before = await rowOf(ann);
      await successorOf(ann.refreshToken);
      await restore(ann, before);
      await successorOf(await successorOf(ann.refreshToken));
    });
  },
);
