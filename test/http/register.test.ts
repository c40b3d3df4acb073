import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimsOf, clientOf, freshEmail, PASSWORD, setCookies } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const KELVIN = '\u212a';

describe.each(DRIVERS)('POST /api/auth/register on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: ReturnType<typeof clientOf>;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  afterAll(() => keyturn.close());

  const register = (fields: object = {}) =>
    client.post('/api/auth/register', {
      email: freshEmail(),
      password: PASSWORD,
      name: 'Ann',
      ...fields,
    });
  const usersWith = async (email: string) =>
    (await keyturn.sql('SELECT id FROM users WHERE email = $1', [email])).length;

  test('answers 201 with tokens and the user, and signs them in', async () => {
    const email = freshEmail();
    const response = await register({ email, name: ' Ann Ä. ' });
    expect(response.status).toBe(201);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers['x-request-id']).toMatch(/./);
    expect(setCookies(response)).toEqual([]);
    expect(response.body).toEqual({
      access_token: expect.stringMatching(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/),
      token_type: 'Bearer',
      expires_in: 900,
      refresh_token: expect.stringMatching(/^ktr_[\w-]+$/),
      refresh_expires_in: 604_800,
      user: {
        id: expect.stringMatching(UUID),
        email,
        email_verified: false,
        name: 'Ann Ä.',
        created_at: keyturn.clock.now().toISOString(),
      },
    });
    const { access_token: accessToken, user } = response.body;
    expect(claimsOf(accessToken)).toMatchObject({ sub: user.id, email, name: 'Ann Ä.' });
    const me = await client.me({ accessToken });
    expect(me.status).toBe(200);
    expect(me.body).toEqual(user);
  });

  test.each([
    [' \t%s\r\n', (email: string) => email],
    ['%s', (email: string) => email.toUpperCase()],
  ])('trims addresses and ignores their case: %j', async (around, spell) => {
    const email = freshEmail();
    const first = await register({ email: around.replace('%s', spell(email)) });
    expect(first.status).toBe(201);
    expect(first.body.user.email).toBe(email);
    expectProblem(await register({ email }), 409, 'email_taken');
    expectProblem(await register({ email: email.toUpperCase() }), 409, 'email_taken');
    const login = { email: ` ${email.toUpperCase()} `, password: PASSWORD };
    expect((await client.post('/api/auth/login', login)).status).toBe(200);
    expect(await usersWith(email)).toBe(1);
  });

  test.each([
    ['the Kelvin sign, which a careless lower case makes a k', `mi${KELVIN}e@example.com`],
    ['a Turkish dotless i', 'm\u0131ke@example.com'],
    ['a Cyrillic a', 'm\u0430rk@example.com'],
    ['full-width letters', '\uff4dike@example.com'],
    ['NUL', 'mi\u0000ke@example.com'],
    ['a line break', 'mike@example.com\nbcc: x@example.com'],
    [
      '255 characters',
      `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(64)}.com`,
    ],
    ['no address', 'mike'],
    ['two @', 'mike@home@example.com'],
    ['a display name', 'Mike <mike@example.com>'],
    ['nothing', ''],
    ['white space', '   '],
  ])('refuses an address with %s', async (_, email) => {
    expectProblem(await register({ email }), 400, 'invalid_request', ['email']);
  });

  test('of a hundred at once with one address, one is registered and 99 are told', async () => {
    const email = freshEmail();
    const responses = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        register({ email: i % 2 ? email : email.toUpperCase(), name: `Ann ${i}` }),
      ),
    );
    const created = responses.filter(({ status }) => status === 201);
    expect(created).toHaveLength(1);
    for (const response of responses) {
      if (response.status !== 201) expectProblem(response, 409, 'email_taken');
    }
    expect(await usersWith(email)).toBe(1);
    const [user] = await keyturn.sql<{ id: string; name: string }>(
      'SELECT id, name FROM users WHERE email = $1',
      [email],
    );
    expect(user).toEqual({ id: created[0]?.body.user.id, name: created[0]?.body.user.name });
    const sessions = await keyturn.sql('SELECT id FROM sessions WHERE user_id = $1', [user?.id]);
    expect(sessions).toHaveLength(1);
  });

  test.each([
    ['7 characters', 'x7-Gq!z'],
    [
      '7 code points of two units',
      '\u{1f600}\u{1f601}\u{1f602}\u{1f603}\u{1f604}\u{1f605}\u{1f606}',
    ],
    ['7 characters once composed', 'a\u0308'.repeat(7)],
    ['a common one', 'password123'],
    ['nothing', ''],
  ])('refuses a weak password: %s', async (_, password) => {
    const email = freshEmail();
    expectProblem(await register({ email, password }), 400, 'weak_password', ['password']);
    expect(await usersWith(email)).toBe(0);
  });

  test.each([
    ['129 characters', 'x'.repeat(129)],
    ['129 code points of two units', '\u{1f600}'.repeat(129)],
    ['more than any length', 'x'.repeat(5000)],
    ['NUL', 'correct horse\u0000battery'],
    ['a lone surrogate', 'correct horse\ud800battery'],
  ])('refuses a password that cannot be taken: %s', async (_, password) => {
    const email = freshEmail();
    expectProblem(await register({ email, password }), 400, 'invalid_request', ['password']);
    expect(await usersWith(email)).toBe(0);
  });

  test.each([
    ['8 characters', 'x7-Gq!zL'],
    [
      '8 code points of two units',
      '\u{1f600}\u{1f601}\u{1f602}\u{1f603}\u{1f604}\u{1f605}\u{1f606}\u{1f607}',
    ],
    ['128 characters', 'y'.repeat(128)],
    ['128 code points of two units', '\u{1f600}'.repeat(128)],
    ['128 characters only once composed', 'e\u0301'.repeat(128)],
    ['white space at its ends, which counts', '  x7-Gq  '],
  ])('takes a password of %s, whole', async (_, password) => {
    const { email } = await client.register({ password });
    await client.login({ email }, password);
    const shorter = { email, password: [...password].slice(0, -1).join('') };
    expectProblem(await client.post('/api/auth/login', shorter), 401, 'invalid_credentials');
  });

  test.each([
    ['nothing', ''],
    ['white space', ' \t '],
    ['201 characters', 'n'.repeat(201)],
    ['a control character', 'An\u0007n'],
    ['NUL', 'An\u0000n'],
    ['a lone surrogate', 'An\udfffn'],
  ])('refuses a name of %s', async (_, name) => {
    expectProblem(await register({ name }), 400, 'invalid_request', ['name']);
  });
});

// The database has no say in this: one will do.
describe.each(DRIVERS.slice(0, 1))('REGISTRATION=closed on $name', (driver) => {
  test('registers nobody, and lets who is there log in', async () => {
    const keyturn = await startKeyturn(driver, { env: { REGISTRATION: 'closed' } });
    try {
      const client = clientOf(keyturn);
      const body = { email: freshEmail(), password: PASSWORD, name: 'Ann' };
      expectProblem(await client.post('/api/auth/register', body), 403, 'registration_closed');
      expect(await keyturn.sql('SELECT id FROM users')).toEqual([]);
      const login = { email: body.email, password: PASSWORD };
      expectProblem(await client.post('/api/auth/login', login), 401, 'invalid_credentials');
    } finally {
      await keyturn.close();
    }
  });
});
