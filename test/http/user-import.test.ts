import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importUsers } from '../../src/issuer/accounts/import.ts';
import { seconds } from '../../src/kit/duration.ts';
import { clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { foreignHashes } from '../support/foreign-hashes.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { linesOf, operationsOf } from '../support/user-operations.ts';

const HASH = '$2y$05$CCCCCCCCCCCCCCCCCCCCC.VtO5t6ILUBAEROZ4c/NK9FZOMgYu9Vu';

const DOCS = join(import.meta.dirname, '../../docs/users.md');

/** One a scheme and form; the others are held against passwords without a server. */
const LOGGED_IN = [
  'bcrypt $2b$',
  'Better Auth',
  'scrypt, PHC',
  'PBKDF2-SHA512, PHC',
  'PBKDF2, Django',
];

describe.each(DRIVERS)('importing users on $name', (driver) => {
  let keyturn: TestKeyturn;
  let operate: ReturnType<typeof operationsOf>;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver, { env: { RATE_LIMIT: 'off' } });
    operate = operationsOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const count = async () =>
    (await keyturn.sql<{ n: number }>('SELECT count(*)::int AS n FROM users'))[0]?.n ?? -1;
  const hashOf = async (email: string) => {
    const text = 'SELECT password_hash FROM users WHERE email = $1';
    return (await keyturn.sql<{ password_hash: string | null }>(text, [email]))[0]?.password_hash;
  };
  const login = (email: string, password: string) =>
    clientOf(keyturn).post('/api/auth/login', { email, password });

  test('a hash of any tool lets its owner in, and is argon2id from then on', async () => {
    const users = foreignHashes
      .filter(({ of }) => LOGGED_IN.includes(of))
      .map((made) => ({ ...made, email: freshEmail() }));
    const lines = linesOf(
      users.map(({ email, hash, of }) => ({ email, name: of, password_hash: hash })),
    );
    const { result } = await operate('users import', {}, lines);
    expect(result).toEqual({ imported: LOGGED_IN.length });
    for (const { email, password, hash, of } of users) {
      expect(await hashOf(email)).toBe(hash);
      expectProblem(await login(email, `${password}!`), 401, 'invalid_credentials');
      expect(await hashOf(email)).toBe(hash);
      const first = await login(email, password);
      expect(first.status, of).toBe(200);
      expect(await hashOf(email)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      expect((await login(email, password)).status, of).toBe(200);
      expectProblem(await login(email, `${password}!`), 401, 'invalid_credentials');
    }
  });

  test('takes over what a line says, and makes up what it leaves out', async () => {
    const [one, two] = [freshEmail(), freshEmail()];
    const id = randomUUID();
    const full = {
      id: id.toUpperCase(),
      email: ` ${one.toUpperCase()} `,
      name: 'Zoë',
      password_hash: HASH,
      email_verified: true,
      created_at: '2020-02-29T12:00:00+02:00',
      disabled_at: '2021-01-01T00:00:00Z',
    };
    const text = `\ufeff${JSON.stringify(full)}\r\n\r\n  \n${JSON.stringify({ email: two, name: 'B' })}`;
    const { result } = await operate('users import', {}, [Buffer.from(text)]);
    expect(result).toEqual({ imported: 2 });
    const rows = await keyturn.sql('SELECT * FROM users WHERE email = ANY ($1)', [[one, two]]);
    expect(rows).toContainEqual({
      id,
      email: one,
      email_verified: true,
      name: 'Zoë',
      password_hash: HASH,
      created_at: new Date('2020-02-29T10:00:00Z'),
      disabled_at: new Date('2021-01-01T00:00:00Z'),
    });
    expect(rows).toContainEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      email: two,
      email_verified: false,
      name: 'B',
      password_hash: null,
      created_at: keyturn.clock.now(),
      disabled_at: null,
    });
    expectProblem(await login(one, 'pässword 1'), 403, 'account_disabled');
    expectProblem(await login(two, ''), 401, 'invalid_credentials');
  });

  test('of who comes back it is forgotten that they had gone, and of nobody else', async () => {
    const [back, gone] = [randomUUID(), randomUUID()];
    const noted =
      'INSERT INTO deleted_users (user_id, deleted_at, passed_on_at) VALUES ($1, $2, $2)';
    for (const id of [back, gone]) await keyturn.sql(noted, [id, keyturn.clock.now()]);
    const line = { id: back, email: freshEmail(), name: 'Ann' };
    await operate('users import', {}, linesOf([line]));
    expect(await keyturn.sql('SELECT user_id FROM deleted_users')).toEqual([{ user_id: gone }]);
  });

  test('stores an event for each account, and logs one for all', async () => {
    const before = keyturn.events('account_imported').length;
    const emails = [freshEmail(), freshEmail()];
    await operate('users import', {}, linesOf(emails.map((email) => ({ email, name: 'A' }))));
    const stored = await keyturn.sql(
      `SELECT email FROM audit_events JOIN users ON users.id = user_id
       WHERE event = 'account_imported' AND email = ANY ($1) ORDER BY email`,
      [emails],
    );
    expect(stored).toEqual(emails.toSorted().map((email) => ({ email })));
    expect(keyturn.events('account_imported').slice(before)).toMatchObject([
      { reason: '2_accounts' },
    ]);
  });

  const good = { email: 'good@example.com', name: 'Good' };
  test.each<[string, string, RegExp]>([
    ['no JSON', '{"email": "a@example.com", "name": ', /^line 2: Not JSON.* at column 36$/],
    ['JSON that is no object', '"a@example.com"', /^line 2: must be an object$/],
    ['an array', '[]', /^line 2: must be an object$/],
    ['a member twice', '{"email":"a@b.c","name":"A","name":"B"}', /^line 2: Member "name" occurs/],
    [
      'an unknown field',
      JSON.stringify({ ...good, role: 'admin' }),
      /^line 2, role: is not a known/,
    ],
    ['no address', '{"name":"A"}', /^line 2, email: is required$/],
    ['no name', '{"email":"a@example.com"}', /^line 2, name: is required$/],
    ['an empty name', '{"email":"a@example.com","name":" "}', /^line 2, name: must not be empty$/],
    ['a bad address', '{"email":"a@","name":"A"}', /^line 2, email: must be an email address$/],
    ['a lookalike', '{"email":"\u212aim@example.com","name":"A"}', /^line 2, email: must be an/],
    ['a bad id', JSON.stringify({ ...good, id: '1' }), /^line 2, id: must be a UUID$/],
    [
      'NUL',
      '{"email":"a@example.com","name":"A\\u0000"}',
      /^line 2, name: must not contain control/,
    ],
    [
      'no boolean',
      JSON.stringify({ ...good, email_verified: 1 }),
      /^line 2, email_verified: must be/,
    ],
    [
      'a local time',
      JSON.stringify({ ...good, created_at: '2020-01-01T00:00:00' }),
      /^line 2, created_at: must be a time/,
    ],
    [
      'a time to come',
      JSON.stringify({ ...good, created_at: '2999-01-01T00:00:00Z' }),
      /^line 2, created_at: must lie/,
    ],
    [
      'an old time',
      JSON.stringify({ ...good, disabled_at: '0000-01-01T00:00:00Z' }),
      /^line 2, disabled_at: must lie/,
    ],
    [
      'MD5',
      JSON.stringify({ ...good, password_hash: '5f4dcc3b5aa765d61d8327deb882cf99' }),
      /^line 2, password_hash: is of an unknown scheme$/,
    ],
    [
      'a password',
      JSON.stringify({ ...good, password_hash: 'hunter2' }),
      /^line 2, password_hash: is of an unknown scheme$/,
    ],
    [
      'half a hash',
      JSON.stringify({ ...good, password_hash: HASH.slice(0, -1) }),
      /^line 2, password_hash: is malformed for bcrypt$/,
    ],
    [
      'a dear hash',
      JSON.stringify({ ...good, password_hash: HASH.replace('$05$', '$31$') }),
      /^line 2, password_hash: costs too much/,
    ],
    [
      'a long line',
      JSON.stringify({ ...good, name: 'A'.repeat(17_000) }),
      /^line 2: is longer than 16384 bytes$/,
    ],
    [
      'the address of line 1',
      JSON.stringify({ email: 'FIRST@example.com', name: 'A' }),
      /^line 2, email: is that of line 1, too$/,
    ],
    [
      'the id of line 1',
      JSON.stringify({ ...good, id: '0191F000-0000-7000-8000-000000000001' }),
      /^line 2, id: is that of line 1, too$/,
    ],
  ])('%s is a fault of its line, and nothing is imported', async (_, line, message) => {
    const first = {
      id: '0191f000-0000-7000-8000-000000000001',
      email: 'first@example.com',
      name: 'First',
    };
    const before = await count();
    const text = `${JSON.stringify(first)}\n${line}\n${JSON.stringify({ email: 'third@example.com', name: 'C' })}\n`;
    const { failure, result } = await operate('users import', {}, [Buffer.from(text)]);
    expect(result).toBeUndefined();
    expect(failure).toMatchObject({ code: 'import_refused', status: 1 });
    const said = (failure?.errors ?? []).map((error) => `${error.path}: ${error.message}`);
    expect(said).toEqual([expect.stringMatching(message)]);
    expect(await count()).toBe(before);
    // Neither a password typed into the wrong column nor a hash is repeated.
    expect(JSON.stringify(failure)).not.toMatch(/hunter2|5f4dcc|CCCCCCC/);
  });

  test('bytes that are no UTF-8 are a fault', async () => {
    const line = Buffer.from('{"email":"a@example.com","name":"\xff"}', 'latin1');
    const { failure } = await operate('users import', {}, [line]);
    expect(failure?.errors).toEqual([{ path: 'line 1', message: 'is not UTF-8' }]);
  });

  test('addresses and ids of users are faults, each with its line', async () => {
    const ann = await clientOf(keyturn).register();
    const before = await count();
    const { failure } = await operate(
      'users import',
      {},
      linesOf([
        { email: freshEmail(), name: 'A' },
        { email: ann.email.toUpperCase(), name: 'B' },
        { id: ann.userId, email: freshEmail(), name: 'C' },
      ]),
    );
    expect(failure?.errors).toEqual([
      { path: 'line 2, email', message: 'belongs to an account already' },
      { path: 'line 3, id', message: 'belongs to an account already' },
    ]);
    expect(await count()).toBe(before);
  });

  test('of many faults the first hundred are named', async () => {
    const lines = linesOf(Array.from({ length: 150 }, () => ({ name: 'A' })));
    const { failure } = await operate('users import', {}, lines);
    expect(failure?.detail).toContain('150 things are wrong');
    expect(failure?.errors).toHaveLength(100);
    expect(failure?.errors?.[99]?.path).toBe('line 100, email');
  });

  test('an address that is taken between the look and the storing undoes all of it', async () => {
    const late = freshEmail();
    const before = await count();
    const lines = Array.from({ length: 2400 }, (_, i) => ({
      // Not in the first batch, which is stored by then.
      email: i === 800 ? late : freshEmail(),
      name: 'A',
    }));
    const [first = Buffer.of(), second = Buffer.of()] = linesOf(lines);
    let readings = 0;
    const importing = importUsers(
      keyturn.parts,
      async function* () {
        yield first;
        // By now its line has been held against the users.
        readings += 1;
        if (readings === 1) await clientOf(keyturn).register({ email: late });
        yield second;
      },
      keyturn.clock.now(),
    );
    await expect(importing).rejects.toMatchObject({ code: 'import_refused' });
    expect(readings).toBeLessThan(3);
    expect(await count()).toBe(before + 1);
  });

  test('lines that are others at the second reading undo all of it', async () => {
    const before = await count();
    const lines = (email: string) =>
      linesOf([
        { email: freshEmail(), name: 'A' },
        { email, name: 'B' },
      ]);
    const readings = [lines(freshEmail()), lines('no address')];
    const importing = importUsers(
      keyturn.parts,
      async function* () {
        yield* readings.shift() ?? [];
      },
      keyturn.clock.now(),
    );
    await expect(importing).rejects.toThrow('have changed');
    expect(await count()).toBe(before);
  });

  test('what is exported is imported elsewhere as it was', async () => {
    const ann = await clientOf(keyturn).register({ name: 'Änn "quoted"' });
    const { written, result } = await operate('users export', { hashes: true });
    const lines = written.trimEnd().split('\n');
    expect(result).toEqual({ exported: lines.length });
    expect(await count()).toBe(lines.length);
    const all = await keyturn.sql('SELECT * FROM users ORDER BY id');
    await keyturn.sql('DELETE FROM users');
    keyturn.clock.advance(seconds(60));
    const again = await operate('users import', {}, [Buffer.from(written)]);
    expect(again.result).toEqual({ imported: lines.length });
    expect(await keyturn.sql('SELECT * FROM users ORDER BY id')).toEqual(all);
    expect((await login(ann.email, PASSWORD)).status).toBe(200);
    const { written: bare } = await operate('users export', { hashes: false });
    expect(bare).not.toMatch(/password_hash|\$argon2/);
    expect(bare.trimEnd().split('\n')).toHaveLength(lines.length);
  });

  test("the query of the documentation brings Better Auth's users along", async () => {
    const [query] = /SELECT json_build_object[^`]*/.exec(await readFile(DOCS, 'utf8')) ?? [];
    if (query === undefined) throw new Error('the documentation has no query');
    const [ann, bob] = [freshEmail(), freshEmail()];
    // As its migration makes them on PostgreSQL.
    await keyturn.sql(`CREATE TABLE "user" (id text PRIMARY KEY, name text NOT NULL,
      email text NOT NULL UNIQUE, "emailVerified" boolean NOT NULL, image text,
      "createdAt" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP)`);
    await keyturn.sql(`CREATE TABLE account (id text PRIMARY KEY, "accountId" text NOT NULL,
      "providerId" text NOT NULL, "userId" text NOT NULL REFERENCES "user" (id), password text)`);
    const insert = `INSERT INTO "user" VALUES ($1, $2, $3, $4, NULL, '2024-05-06T07:08:09+02:00')`;
    await keyturn.sql(insert, ['a1', 'Ann "\\" A', ann, true]);
    await keyturn.sql(insert, ['b1', ' ', bob, false]);
    const made = foreignHashes.find(({ of }) => of === 'Better Auth');
    await keyturn.sql(`INSERT INTO account VALUES ('1', 'a1', 'credential', 'a1', $1)`, [
      made?.hash,
    ]);
    await keyturn.sql(`INSERT INTO account VALUES ('2', '77', 'github', 'b1', NULL)`);

    const rows = await keyturn.sql<{ json_build_object: object }>(query);
    const lines = linesOf(rows.map((row) => row.json_build_object));
    expect((await operate('users import', {}, lines)).result).toEqual({ imported: 2 });
    const response = await login(ann, made?.password ?? '');
    expect(response.body.user).toMatchObject({
      name: 'Ann "\\" A',
      email_verified: true,
      created_at: '2024-05-06T05:08:09.000Z',
    });
    expect(await hashOf(bob)).toBeNull();
  });

  test('five thousand users in batches and pages', async () => {
    const before = await count();
    const emails = Array.from({ length: 5_000 }, freshEmail);
    const lines = linesOf(emails.map((email) => ({ email, name: 'A', password_hash: HASH })));
    expect((await operate('users import', {}, lines)).result).toEqual({ imported: 5_000 });
    expect(await count()).toBe(before + 5_000);
    const { written } = await operate('users export', { hashes: false });
    const exported = written
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).email);
    expect(new Set(exported).size).toBe(before + 5_000);
    expect(new Set(exported)).toEqual(new Set([...exported, ...emails]));
  });
});
