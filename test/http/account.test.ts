import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createUser } from '../../src/issuer/accounts/create-user.ts';
import { openOutboxSealer } from '../../src/issuer/keys/secrets.ts';
import { seconds } from '../../src/kit/duration.ts';
import { answerRequests, forgottenToken, NEW_PASSWORD } from '../support/accounts.ts';
import {
  bearer,
  type Client,
  claimsOf,
  clientOf,
  freshEmail,
  PASSWORD,
  type SignedIn,
} from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailedToken, mailsTo } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

describe.each(DRIVERS)("a user's own account on $name", (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const rename = (who: SignedIn, body: object) =>
    client.patch('/api/auth/me', body, bearer(who.accessToken));
  const remove = (who: SignedIn, body: object = { current_password: PASSWORD }) =>
    client.delete('/api/auth/me', bearer(who.accessToken)).send(body);

  test('PATCH changes the name, in every session', async () => {
    const ann = await client.register();
    const phone = await client.login(ann);
    const bob = await client.register();
    const response = await rename(ann, { name: '  Ann Ä. ' });
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.body).toEqual((await client.me(phone)).body);
    expect(response.body.name).toBe('Ann Ä.');
    for (const { refreshToken } of [ann, phone]) {
      const { body } = await client.refresh(refreshToken);
      expect(claimsOf(body.access_token).name).toBe('Ann Ä.');
    }
    expect((await client.me(bob)).body.name).toBe('Ann');
    expect(keyturn.events('profile_changed', ann.sessionId)).toHaveLength(1);
  });

  test('all who ask at once see themselves', async () => {
    const users: SignedIn[] = [];
    for (let i = 0; i < 12; i += 1) users.push(await client.register({ name: `User ${i}` }));
    const over = users[3] as SignedIn;
    await client.post('/api/auth/logout', { refresh_token: over.refreshToken }).expect(204);
    const answers = await Promise.all([...users, ...users].map((user) => client.me(user)));
    for (const [i, answer] of answers.entries()) {
      const { email, userId } = users[i % users.length] as SignedIn;
      if (userId === over.userId) expectProblem(answer, 401, 'session_ended');
      else
        expect(answer.body).toMatchObject({ id: userId, email, name: `User ${i % users.length}` });
    }
  });

  test.each([
    [{}, ['name']],
    [{ name: '' }, ['name']],
    [{ name: ' ' }, ['name']],
    [{ name: null }, ['name']],
    [{ name: 'n'.repeat(201) }, ['name']],
    [{ name: 'An\u0000n' }, ['name']],
    [{ name: 'Ann', email: 'x@example.com' }, ['email']],
    [{ name: 'Ann', email_verified: true }, ['email_verified']],
    [{ name: 'Ann', id: 'x' }, ['id']],
  ])('PATCH refuses %j', async (body, paths) => {
    const ann = await client.register({ name: 'Before' });
    expectProblem(await rename(ann, body), 400, 'invalid_request', paths);
    expect((await client.me(ann)).body.name).toBe('Before');
  });

  test('DELETE takes the account and all that is personal', async () => {
    const ann = await client.register();
    const bob = await client.register();
    const agent = { 'User-Agent': 'a phone of hers' };
    await client.post('/api/auth/login', { email: ann.email, password: 'wrong' }, agent);
    await forgottenToken(keyturn, client, ann);
    for (const who of [ann, bob]) {
      const headers = bearer(who.accessToken);
      await client.post('/api/users/me/todos', { title: 'secret plan' }, headers).expect(201);
    }
    await client.post('/api/auth/password/forgot', { email: ann.email });
    await answerRequests(keyturn);
    await mailsTo(keyturn, ann.email);
    keyturn.clock.advance(seconds(1));

    const response = await remove(ann);
    expect({ status: response.status, text: response.text }).toEqual({ status: 204, text: '' });
    for (const answer of [await client.me(ann), await rename(ann, { name: 'x' })]) {
      expectProblem(answer, 401, 'session_ended');
    }
    expectProblem(await client.refresh(ann.refreshToken), 401, 'invalid_refresh_token');
    const login = { email: ann.email, password: PASSWORD };
    expectProblem(await client.post('/api/auth/login', login), 401, 'invalid_credentials');
    await keyturn.parts.trail.flush();
    const goodbye = (await mailsTo(keyturn, ann.email)).at(-1);
    expect(goodbye?.links.join()).not.toContain('token=');
    expect(await found(ann)).toEqual({
      users: 0,
      sessions: 0,
      mailed_tokens: 0,
      account_requests: 0,
      outbox_mails: 0,
      todos: 0,
      personal_events: 0,
    });
    expect((await client.me(bob)).status).toBe(200);
    expect(await found(bob)).toMatchObject({ users: 1, sessions: 1, todos: 1 });
    expect(keyturn.events('account_deleted')).toHaveLength(1);
    // The address is free again.
    const again = await client.register({ email: ann.email });
    expect(again.userId).not.toBe(ann.userId);
  });

  async function found({ userId, email }: SignedIn) {
    const count = async (from: string, by: unknown) =>
      (await keyturn.sql<{ n: number }>(`SELECT count(*)::int AS n FROM ${from}`, [by]))[0]?.n;
    return {
      users: await count('users WHERE id = $1', userId),
      sessions: await count('sessions WHERE user_id = $1', userId),
      mailed_tokens: await count('mailed_tokens WHERE user_id = $1', userId),
      account_requests: await count('account_requests WHERE email = $1', email),
      outbox_mails: await count('outbox_mails WHERE recipient = $1', email),
      todos: await count('todos WHERE user_id = $1', userId),
      personal_events: await count(
        'audit_events WHERE user_id = $1 AND (address IS NOT NULL OR user_agent IS NOT NULL)',
        userId,
      ),
    };
  }

  test('DELETE needs the current password, and nothing else', async () => {
    const ann = await client.register();
    const wrong = await remove(ann, { current_password: NEW_PASSWORD });
    expectProblem(wrong, 400, 'wrong_password', ['current_password']);
    expectProblem(await remove(ann, {}), 400, 'invalid_request', ['current_password']);
    const more = { current_password: PASSWORD, user_id: ann.userId };
    expectProblem(await remove(ann, more), 400, 'invalid_request', ['user_id']);
    expect((await client.me(ann)).status).toBe(200);
  });

  test('todos that a token of who is gone makes go too, when no such token is left', async () => {
    const ann = await client.register();
    await remove(ann).expect(204);
    const headers = bearer(ann.accessToken);
    // Other services take an access token until it expires.
    await client.post('/api/users/me/todos', { title: 'afterwards' }, headers).expect(201);
    const left = () => keyturn.sql('SELECT id FROM todos WHERE user_id = $1', [ann.userId]);
    const noted = () =>
      keyturn.sql('SELECT user_id FROM deleted_users WHERE user_id = $1', [ann.userId]);
    expect(await left()).toHaveLength(1);
    expect(await noted()).toHaveLength(1);
    keyturn.clock.advance(seconds(25 * 3600 + 1));
    // Whose deletion is passed on takes those along that are due.
    await remove(await client.register()).expect(204);
    expect(await left()).toEqual([]);
    expect(await noted()).toEqual([]);
  });

  test('of deletions and logins at once no session survives', async () => {
    const ann = await client.register();
    const logins = Array.from({ length: 4 }, () =>
      client.post('/api/auth/login', { email: ann.email, password: PASSWORD }),
    );
    const [removed] = await Promise.all([remove(ann), ...logins]);
    expect(removed?.status).toBe(204);
    expect(await found(ann)).toMatchObject({ users: 0, sessions: 0 });
  });
});

describe.each(DRIVERS)('an account that an administrator makes on $name', (driver) => {
  test('waits for its user to set a password by the mailed link', async () => {
    const keyturn = await startKeyturn(driver, {
      env: { REGISTRATION: 'closed', EMAIL_VERIFICATION: 'required' },
    });
    try {
      const client = clientOf(keyturn);
      const { database, trail, issuer } = keyturn.parts;
      const sealer = await openOutboxSealer({
        db: database.db,
        sealer: issuer?.transitions.sealer as never,
      });
      const outbox = { sealer, hurry() {} };
      const deps = { database, trail, outbox, issuer: keyturn.issuer };
      const email = freshEmail();
      const user = await createUser(deps, { email }, keyturn.clock.now());
      expect(user).toMatchObject({ email, name: email.split('@')[0], emailVerified: false });
      await expect(createUser(deps, { email }, keyturn.clock.now())).rejects.toMatchObject({
        code: 'email_taken',
      });

      const login = { email, password: NEW_PASSWORD };
      expectProblem(await client.post('/api/auth/login', login), 401, 'invalid_credentials');
      const invitation = await mailedToken(keyturn, email);
      const [mail] = await mailsTo(keyturn, email);
      expect(mail?.links).toContain(`${keyturn.issuer}/reset-password#token=${invitation}`);
      // Asked for again by address, it is an invitation again: there is no password yet.
      keyturn.clock.advance(seconds(1));
      await client.post('/api/auth/email/resend', { email }).expect(202);
      await answerRequests(keyturn);
      const token = await mailedToken(keyturn, email);
      expect(token).not.toBe(invitation);
      keyturn.clock.advance(seconds(23 * 3600));
      const reset = { token, password: NEW_PASSWORD };
      await client.post('/api/auth/password/reset', reset).expect(204);
      const { body } = await client.post('/api/auth/login', login);
      expect(body.user).toMatchObject({ id: user.id, email, email_verified: true });
      const named = await createUser(
        deps,
        { email: freshEmail(), name: 'Ada' },
        keyturn.clock.now(),
      );
      expect(named.name).toBe('Ada');
      // Not only the link that was asked for again works for a day.
      const hers = { token: await mailedToken(keyturn, named.email), password: NEW_PASSWORD };
      keyturn.clock.advance(seconds(23 * 3600));
      await client.post('/api/auth/password/reset', hers).expect(204);
      expect(keyturn.events('account_created')).toHaveLength(2);
    } finally {
      await keyturn.close();
    }
  });
});
