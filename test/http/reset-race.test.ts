import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccountDeps } from '../../src/issuer/accounts/deps.ts';
import {
  requestEmailChange,
  resendVerification,
  verifyEmail,
} from '../../src/issuer/accounts/email.ts';
import {
  hashMailedToken,
  type MailedTokenPurpose,
  newMailedToken,
} from '../../src/issuer/accounts/mailed-token.ts';
import { changePassword, resetPassword } from '../../src/issuer/accounts/password.ts';
import { changeName } from '../../src/issuer/accounts/profile.ts';
import { putToken } from '../../src/issuer/accounts/token-store.ts';
import { noLimits } from '../../src/issuer/limits/open.ts';
import { type LoginDeps, login } from '../../src/issuer/login/login.ts';
import type { PasswordHash } from '../../src/issuer/users/argon2-hash.ts';
import { loadCommonPasswords } from '../../src/issuer/users/common-passwords.ts';
import { after, seconds } from '../../src/kit/duration.ts';
import type { SessionId, UserId } from '../../src/kit/id.ts';
import { forgottenToken, NEW_PASSWORD } from '../support/accounts.ts';
import { type Client, clientOf, PASSWORD, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { openKeys } from '../support/opened-keys.ts';
import { expectProblem } from '../support/problem.ts';

const NOBODY = '0191f000-0000-7000-8000-00000000dead' as UserId;
const ORIGIN = { address: '127.0.0.1', userAgent: null, requestId: 'race' };

/** What hashing is not: without it logins and resets meet in the database, and not one by one. */
const INSTANT: LoginDeps['hasher'] = {
  requireRoom: () => {},
  hash: async (password) => `$instant$${password}` as PasswordHash,
  verify: async (stored, password) => ({ ok: stored === `$instant$${password}`, rehash: false }),
};

describe.each(DRIVERS)('a reset that races logins and refreshes on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  // The embedded database does one transaction at a time: nothing falls within another.
  const rounds = driver.kind === 'postgres' ? 200 : 25;
  let deps: LoginDeps & AccountDeps;
  let ann: SignedIn;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
    ann = await client.register();
    const { database, trail, issuer } = keyturn.parts;
    if (!issuer) throw new Error('there is no issuer');
    const { config, clock } = keyturn;
    deps = {
      database,
      trail,
      clock,
      hasher: INSTANT,
      keyring: issuer.keyring,
      tagKey: (await openKeys(keyturn)).tagKey,
      issuer: config.issuer,
      audience: config.audience,
      accessTokenTtl: config.times.accessTokenTtl,
      sessionPolicy: config.times,
      limits: noLimits,
      emailVerification: 'optional',
      outbox: { sealer: { seal: async () => 'sealed', open: async () => '' }, hurry() {} },
      commonPasswords: await loadCommonPasswords(),
      passwordMinLength: 8,
      record: trail.record,
      answerRegistrations: async () => {},
      onLogin() {},
      log: { warn() {} },
    };
  });
  afterAll(() => keyturn.close());

  const logIn = (password: string) =>
    login(deps, { email: ann.email, password }, { origin: ORIGIN });
  const setHash = (password: string) =>
    keyturn.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [
      ann.userId,
      `$instant$${password}`,
    ]);
  const live = () =>
    keyturn.sql<{ id: string }>('SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL', [
      ann.userId,
    ]);
  const tokenFor = async (purpose: MailedTokenPurpose, email = ann.email) => {
    const token = newMailedToken();
    const now = keyturn.clock.now();
    await keyturn.database.transaction((tx) =>
      putToken(tx, {
        hash: hashMailedToken(token) as Buffer,
        userId: ann.userId as UserId,
        purpose,
        email,
        createdAt: now,
        expiresAt: after(now, seconds(60)),
      }),
    );
    return token;
  };
  /** Lets a little more of the others happen first each round. */
  const dawdle = async (round: number) => {
    for (let i = 0; i < round % 8; i++) await keyturn.database.ping();
  };

  test(`no session survives any of ${rounds}`, async () => {
    let beaten = 0;
    let ended = 0;
    for (let round = 0; round < rounds; round++) {
      const [old, fresh] = [`old phrase ${round}`, `new phrase ${round}`];
      await setHash(old);
      const before = await logIn(old);
      const token = await tokenFor('reset_password');
      const reset = async () => {
        await dawdle(round);
        await resetPassword(deps, { token, password: fresh }, ORIGIN);
      };
      const racers = [logIn(old), logIn(old), logIn(old)];
      const refreshed = client.refresh(before.tokens.refreshToken).then((response) => response);
      const [, refreshing, ...logins] = await Promise.all([
        reset(),
        refreshed,
        ...racers.map((racer) => racer.catch((error: { code: string }) => error)),
      ]);
      expect(await live()).toEqual([]);
      for (const outcome of logins) {
        if ('code' in outcome) {
          expect(outcome.code).toBe('invalid_credentials');
          beaten += 1;
        } else {
          const answer = await client.refresh(outcome.tokens.refreshToken);
          expectProblem(answer, 401, 'invalid_refresh_token');
          ended += 1;
        }
      }
      if (refreshing.status === 200) {
        const answer = await client.refresh(refreshing.body.refresh_token);
        expectProblem(answer, 401, 'invalid_refresh_token');
      } else expectProblem(refreshing, 401, 'invalid_refresh_token');
    }
    // Both orders have been there, or there was no race.
    expect(beaten + ended).toBe(3 * rounds);
    expect(ended).toBeGreaterThan(0);
    if (driver.kind === 'postgres') expect(beaten).toBeGreaterThan(0);
  });

  test('a change of password leaves its own session alone, whoever logs in meanwhile', async () => {
    for (let round = 0; round < 40; round++) {
      const [old, fresh] = [`old phrase ${round}`, `new phrase ${round}`];
      await setHash(old);
      const own = await logIn(old);
      const owner = {
        userId: ann.userId as UserId,
        sessionId: own.tokens.sessionId as SessionId,
      };
      const change = async () => {
        await dawdle(round);
        const passwords = { currentPassword: old, newPassword: fresh };
        await changePassword(deps, owner, passwords, ORIGIN);
      };
      await Promise.all([change(), logIn(old).catch(() => {}), logIn(old).catch(() => {})]);
      expect(await live()).toEqual([{ id: own.tokens.sessionId }]);
    }
  });

  test('whatever happens to an account at once, nothing waits for ever', async () => {
    const owner = { userId: ann.userId as UserId, sessionId: ann.sessionId as SessionId };
    for (let round = 0; round < rounds / 4; round++) {
      const addresses = [`one-${round}@example.com`, `two-${round}@example.com`] as const;
      await keyturn.sql(
        'UPDATE users SET email = $2, email_verified = false, password_hash = $3 WHERE id = $1',
        [ann.userId, addresses[0], '$instant$old'],
      );
      await resendVerification(deps, owner, ORIGIN);
      const change = await tokenFor('change_email', addresses[1]);
      const token = await tokenFor('reset_password');
      const password = 'a phrase that is new';
      const passwords = { currentPassword: 'old', newPassword: password };
      const outcomes = await Promise.allSettled([
        resendVerification(deps, owner, ORIGIN),
        verifyEmail(deps, { token: change }, ORIGIN),
        resendVerification(deps, owner, ORIGIN),
        changeName(deps, owner, { name: 'Ann' }, ORIGIN),
        login(deps, { email: addresses[0], password: 'old' }, { origin: ORIGIN }),
        changePassword(deps, owner, passwords, ORIGIN),
        resetPassword(deps, { token, password }, ORIGIN),
      ]);
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue;
        // A deadlock is a 503.
        expect(outcome.reason).toMatchObject({ status: expect.toSatisfy((n) => n < 500) });
      }
    }
  });

  test.each([
    ['is disabled', 'UPDATE users SET disabled_at = created_at WHERE id = $1', 'session_ended'],
    ['goes', 'DELETE FROM users WHERE id = $1', 'session_ended'],
    ['loses it', 'UPDATE users SET password_hash = NULL WHERE id = $1', 'wrong_password'],
  ])('an account that %s while its password is checked is not changed', async (_, change, code) => {
    const { userId, sessionId } = await client.register();
    const hash = 'UPDATE users SET password_hash = $2 WHERE id = $1';
    await keyturn.sql(hash, [userId, `$instant$${PASSWORD}`]);
    const verify: typeof INSTANT.verify = async (...given) => {
      await keyturn.sql(change, [userId]);
      return INSTANT.verify(...given);
    };
    const meanwhile = { ...deps, hasher: { ...INSTANT, verify } };
    const owner = { userId: userId as UserId, sessionId: sessionId as SessionId };
    const passwords = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    const changed = changePassword(meanwhile, owner, passwords, ORIGIN);
    await expect(changed).rejects.toMatchObject({ code });
    const changes = keyturn.events('password_changed').filter((event) => event.user_id === userId);
    expect(changes).toEqual([]);
  });

  test('who is gone is told that the session is over', async () => {
    const owner = { userId: NOBODY, sessionId: ann.sessionId as SessionId };
    for (const call of [
      () => changeName(deps, owner, { name: 'Ann' }, ORIGIN),
      () => resendVerification(deps, owner, ORIGIN),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'session_ended' });
    }
  });

  test.each([false, true])(
    'a link to an address that is not the account’s says nothing of its own (verified: %s)',
    async (verified) => {
      const sql = 'UPDATE users SET email_verified = $2, password_hash = $3 WHERE id = $1';
      await keyturn.sql(sql, [ann.userId, verified, '$instant$old']);
      const token = await tokenFor('verify_email', 'before@example.com');
      await expect(verifyEmail(deps, { token }, ORIGIN)).rejects.toMatchObject({
        code: 'invalid_token',
      });
      const reset = await tokenFor('reset_password', 'before@example.com');
      await resetPassword(deps, { token: reset, password: NEW_PASSWORD }, ORIGIN);
      const users = 'SELECT email_verified FROM users WHERE id = $1';
      expect(await keyturn.sql(users, [ann.userId])).toEqual([{ email_verified: verified }]);
    },
  );

  test("two users may ask for each other's addresses at once", async () => {
    const bob = await client.register();
    const people = [bob, ann].map(({ userId, sessionId }) => ({
      userId: userId as UserId,
      sessionId: sessionId as SessionId,
    }));
    const emails = ['bob@example.com', 'ann@example.com'];
    for (const [i, { userId }] of people.entries()) {
      const sql = 'UPDATE users SET email = $2, password_hash = $3 WHERE id = $1';
      await keyturn.sql(sql, [userId, emails[i], '$instant$old']);
    }
    for (let round = 0; round < rounds / 10; round++) {
      await Promise.all(
        people.map((owner, i) => {
          const input = { email: emails[1 - i] ?? '', currentPassword: 'old' };
          return requestEmailChange(deps, owner, input, ORIGIN);
        }),
      );
    }
  });

  test('the same over HTTP, with passwords that are really hashed', async () => {
    for (let round = 0; round < 5; round++) {
      const who = await client.register();
      const token = await forgottenToken(keyturn, client, who);
      const body = { email: who.email, password: PASSWORD };
      const [reset] = await Promise.all([
        client.post('/api/auth/password/reset', { token, password: NEW_PASSWORD }),
        client.post('/api/auth/login', body),
        client.post('/api/auth/login', body),
        client.refresh(who.refreshToken),
      ]);
      expect(reset.status).toBe(204);
      const left = await keyturn.sql(
        'SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL',
        [who.userId],
      );
      expect(left).toEqual([]);
    }
  });
});
