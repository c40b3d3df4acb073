import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { execute } from '../../src/db/statement.ts';
import { removeUser } from '../../src/issuer/accounts/delete.ts';
import { insertRequest } from '../../src/issuer/accounts/request-store.ts';
import { recording } from '../../src/issuer/audit/recording.ts';
import { holdUser } from '../../src/issuer/users/change-store.ts';
import type { UserId } from '../../src/kit/id.ts';
import { answerRequests, NEW_PASSWORD } from '../support/accounts.ts';
import { bearer, type Client, clientOf, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const ORIGIN = { address: '127.0.0.1', userAgent: null, requestId: 'race' };

describe.each(DRIVERS)('an account that goes meanwhile on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const issuerOf = () => keyturn.parts.issuer ?? expect.fail('there is no issuer');

  test('does not wait for the answer to a request, which waits for it', async () => {
    const { email, userId } = await client.register();
    const { database, trail } = keyturn.parts;
    const { accounts } = issuerOf();
    const now = keyturn.clock.now();
    const [held, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const deletion = recording({ database, trail }, async (tx, record) => {
      const user = await holdUser(tx, userId as UserId);
      if (!user) throw new Error('there is no user');
      held.resolve();
      await go.promise;
      await removeUser(accounts, tx, record, user, now);
    });
    await held.promise;
    // The embedded database does one transaction at a time: there is nothing to wait for.
    if (driver.kind === 'postgres') {
      await client.post('/api/auth/password/forgot', { email }).expect(202);
      const taken = 'SELECT id FROM account_requests WHERE email = $1 FOR UPDATE SKIP LOCKED';
      const answered = answerRequests(keyturn);
      await vi.waitUntil(async () => (await keyturn.sql(taken, [email])).length === 0, {
        timeout: 60_000,
      });
      go.resolve();
      await answered;
    }
    go.resolve();
    await deletion;
    expect(await keyturn.sql('SELECT id FROM users WHERE id = $1', [userId])).toEqual([]);
    expect(await keyturn.sql('SELECT id FROM account_requests')).toEqual([]);
    expect(keyturn.lines.filter((line) => line.includes('could not be answered'))).toEqual([]);
  });

  test('is not changed any more, nor told to try again', async () => {
    const { userId, accessToken } = await client.register();
    // As the call finds it that was let in a moment before.
    await keyturn.sql('UPDATE users SET disabled_at = created_at WHERE id = $1', [userId]);
    const body = { current_password: PASSWORD, new_password: NEW_PASSWORD };
    const response = await client.post('/api/auth/password/change', body, bearer(accessToken));
    expectProblem(response, 401, 'session_ended');
  });

  test('takes along what somebody wants of its address, of no other', async () => {
    const [ann, bob] = [await client.register(), await client.register()];
    const { database, trail } = keyturn.parts;
    const { accounts } = issuerOf();
    const now = keyturn.clock.now();
    const left = await recording({ database, trail }, async (tx, record) => {
      // Here, where the job does not see them yet.
      for (const { email } of [ann, bob])
        await insertRequest(tx, { kind: 'reset_password', email }, ORIGIN, now);
      const user = await holdUser(tx, ann.userId as UserId);
      await removeUser(accounts, tx, record, user ?? expect.fail(), now);
      return (await execute(tx, 'SELECT email FROM account_requests')).rows;
    });
    expect(left).toEqual([{ email: bob.email }]);
    await answerRequests(keyturn);
  });
});
