import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addressToken } from '../support/accounts.ts';
import { bearer, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { operationsOf } from '../support/user-operations.ts';

const NOBODY = '0191f000-0000-7000-8000-00000000dead';

describe.each(DRIVERS)('commands about users on $name', (driver) => {
  let keyturn: TestKeyturn;
  let operate: ReturnType<typeof operationsOf>;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { REGISTRATION: 'open' } });
    operate = operationsOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const login = (email: string) =>
    clientOf(keyturn).post('/api/auth/login', { email, password: PASSWORD });
  const events = (userId: string, event: string) =>
    keyturn.sql<{ reason: string | null }>(
      'SELECT reason FROM audit_events WHERE user_id = $1 AND event = $2',
      [userId, event],
    );
  const rowsOf = async (table: string, userId: string) => {
    const text = `SELECT count(*)::int AS n FROM ${table} WHERE user_id = $1`;
    return (await keyturn.sql<{ n: number }>(text, [userId]))[0]?.n;
  };

  test('disable ends every session and keeps the user out, enable lets in again', async () => {
    const client = clientOf(keyturn);
    const ann = await client.register();
    const other = await client.login(ann);
    const bystander = await client.register();
    const { result } = await operate('users disable', { user: ` ${ann.email.toUpperCase()}` });
    expect(result).toMatchObject({
      changed: true,
      sessions_ended: 2,
      user: { id: ann.userId, email: ann.email, disabled_at: keyturn.clock.now() },
    });
    for (const session of [ann, other]) {
      expectProblem(await client.me(session), 401, 'session_ended');
      expectProblem(await client.refresh(session.refreshToken), 401, 'invalid_refresh_token');
    }
    expectProblem(await login(ann.email), 403, 'account_disabled');
    expect((await client.me(bystander)).status).toBe(200);
    expect(
      await keyturn.sql('SELECT DISTINCT end_reason FROM sessions WHERE user_id = $1', [
        ann.userId,
      ]),
    ).toEqual([{ end_reason: 'account_disabled' }]);
    const again = await operate('users disable', { user: ann.userId });
    expect(again.result).toMatchObject({
      changed: false,
      sessions_ended: 0,
      user: { disabled_at: keyturn.clock.now() },
    });
    expect(await events(ann.userId, 'account_disabled')).toHaveLength(1);

    const enabled = await operate('users enable', { user: ann.userId.toUpperCase() });
    expect(enabled.result).toMatchObject({ changed: true, user: { disabled_at: null } });
    expect((await operate('users enable', { user: ann.email })).result).toMatchObject({
      changed: false,
    });
    expect(await events(ann.userId, 'account_enabled')).toHaveLength(1);
    expectProblem(await client.me(ann), 401, 'session_ended');
    expect((await login(ann.email)).status).toBe(200);
  });

  test('disable stops a change of address that was under way; enable does not go on with it', async () => {
    const client = clientOf(keyturn);
    const ann = await client.register();
    const email = freshEmail();
    const token = await addressToken(keyturn, client, ann, { email, password: PASSWORD });
    await operate('users disable', { user: ann.userId });
    const confirm = () => client.post('/api/auth/email/verify', { token });
    expectProblem(await confirm(), 400, 'invalid_token');
    await operate('users enable', { user: ann.userId });
    expectProblem(await confirm(), 400, 'invalid_token');
    expect((await login(ann.email)).body.user).toMatchObject({ email: ann.email });
  });

  test('logout ends every session and nothing else', async () => {
    const client = clientOf(keyturn);
    const ann = await client.register();
    const { result } = await operate('users logout', { user: ann.email });
    expect(result).toMatchObject({ changed: true, sessions_ended: 1, user: { disabled_at: null } });
    expectProblem(await client.me(ann), 401, 'session_ended');
    expect(await events(ann.userId, 'logged_out_everywhere')).toEqual([
      { reason: 'logged_out_by_admin' },
    ]);
    expect((await operate('users logout', { user: ann.email })).result).toMatchObject({
      changed: false,
      sessions_ended: 0,
    });
    expect((await login(ann.email)).status).toBe(200);
    const explained = await operate('sessions explain', { id: ann.sessionId });
    expect(explained.result).toMatchObject({ session: { end_reason: 'logged_out_by_admin' } });
  });

  test('delete leaves nothing personal, and the address free', async () => {
    const client = clientOf(keyturn);
    const ann = await client.register();
    const todo = await client.post('/api/users/me/todos', { title: 'x' }, bearer(ann.accessToken));
    expect(todo.status).toBe(201);
    const { result } = await operate('users delete', { user: ann.userId });
    expect(result).toMatchObject({ user: { id: ann.userId, email: ann.email } });
    for (const table of ['sessions', 'mailed_tokens', 'todos']) {
      expect(await rowsOf(table, ann.userId), table).toBe(0);
    }
    expect(await keyturn.sql('SELECT id FROM users WHERE id = $1', [ann.userId])).toEqual([]);
    expect(await events(ann.userId, 'account_deleted')).toHaveLength(1);
    const [trail] = await keyturn.sql<{ n: number }>(
      'SELECT count(address)::int AS n FROM audit_events WHERE user_id = $1',
      [ann.userId],
    );
    expect(trail).toEqual({ n: 0 });
    expectProblem(await login(ann.email), 401, 'invalid_credentials');
    expectProblem(await client.me(ann), 401, 'session_ended');
    expect((await client.register({ email: ann.email })).userId).not.toBe(ann.userId);
  });

  test('create makes an account without a password, once', async () => {
    const email = freshEmail();
    const { result } = await operate('users create', { email: ` ${email.toUpperCase()} ` });
    expect(result).toMatchObject({
      user: { email, name: email.split('@')[0], email_verified: false, disabled_at: null },
    });
    expectProblem(await login(email), 401, 'invalid_credentials');
    const { id } = (result as { user: { id: string } }).user;
    expect(await rowsOf('mailed_tokens', id)).toBe(1);
    expect(await events(id, 'account_created')).toHaveLength(1);
    const { failure } = await operate('users create', { email, name: 'Other' });
    expect(failure).toMatchObject({ code: 'email_taken', status: 1 });
  });

  test('create gives nobody a longer name than a user may have, however long the address', async () => {
    const email = `${'n'.repeat(230)}@example.com`;
    const { result } = await operate('users create', { email });
    expect(result).toMatchObject({ user: { email, name: 'n'.repeat(200) } });
    // What is exported can be imported.
    const { written } = await operate('users export', { hashes: false });
    const line = written.split('\n').find((text) => text.includes(email)) ?? '';
    await operate('users delete', { user: email });
    expect((await operate('users import', {}, [Buffer.from(line)])).result).toEqual({
      imported: 1,
    });
  });

  test.each(['users disable', 'users enable', 'users logout', 'users delete'] as const)(
    '%s says that there is no such user',
    async (name) => {
      for (const user of ['nobody@example.com', NOBODY, 'nobody', '']) {
        const { failure } = await operate(name, { user });
        expect(failure).toMatchObject({ code: 'unknown_user', status: 1 });
        expect(failure?.detail).toContain(user);
      }
    },
  );

  test('list goes by address, a pattern and a limit', async () => {
    const names = ['b_1', 'bx1', 'a'].map((name) => `${name}@listed.example`);
    const lines = names.map((email) => `${JSON.stringify({ email, name: 'L' })}\n`).join('');
    const imported = await operate('users import', {}, [Buffer.from(lines)]);
    expect(imported.result).toEqual({ imported: 3 });
    const list = async (email: string | undefined, limit = 100) => {
      const { result } = await operate('users list', { ...(email && { email }), limit });
      const { users, more } = result as { users: { email: string }[]; more: boolean };
      return { emails: users.map((user) => user.email), more };
    };
    const sorted = [...names].sort();
    const fitting = await list('*@LISTED.example');
    expect(fitting.more).toBe(false);
    expect([...fitting.emails].sort()).toEqual(sorted);
    // What LIKE would take for a pattern is none.
    expect(await list('b_1@*')).toEqual({ emails: ['b_1@listed.example'], more: false });
    expect((await list('%@listed.example')).emails).toEqual([]);
    expect((await list('b?1@listed.example')).emails).toEqual([]);
    expect((await list('listed')).emails).toEqual([]);
    const two = await list('*@listed.example', 2);
    expect(two).toEqual({ emails: fitting.emails.slice(0, 2), more: true });
    expect((await list(undefined)).emails.length).toBeGreaterThan(3);
    const { result } = await operate('users list', { email: 'b_1@*', limit: 1 });
    expect(result).toEqual({
      more: false,
      users: [
        {
          id: expect.any(String),
          email: 'b_1@listed.example',
          email_verified: false,
          name: 'L',
          created_at: keyturn.clock.now(),
          disabled_at: null,
          has_password: false,
        },
      ],
    });
  });

  test('a login in flight does not outlive a disabling', async () => {
    const ann = await clientOf(keyturn).register();
    for (let round = 0; round < 5; round++) {
      await operate('users enable', { user: ann.userId });
      const [response] = await Promise.all([
        login(ann.email),
        operate('users disable', { user: ann.userId }),
      ]);
      expect([200, 403]).toContain(response.status);
      const live = await keyturn.sql(
        'SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL',
        [ann.userId],
      );
      expect(live).toEqual([]);
    }
  });
});
