import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { addressToken, forgottenToken } from '../support/accounts.ts';
import { bearer, browserAt, claimsOf, clientOf, freshEmail } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { mailedToken } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { openKeys } from '../support/opened-keys.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';

/** A secret by a name for messages, as text or bytes. */
type Secrets = Map<string, string | Buffer>;

/** A database whose URL has a password that can be told from any other word. */
async function secretiveDatabase(driver: TestDriver) {
  if (driver.kind === 'embedded') return { env: {}, password: undefined, drop: async () => {} };
  const { url, drop } = await createTestDatabase();
  const password = `db-${randomBytes(12).toString('hex')}`;
  const role = `keyturn_${randomBytes(6).toString('hex')}`;
  await administer(url, `create role ${role} superuser login password '${password}'`);
  const own = new URL(url);
  own.username = role;
  own.password = password;
  return {
    env: { DATABASE_URL: own.href },
    password,
    async drop() {
      // The database goes with the run; the role owns what is in it until then.
      await administer(url, `reassign owned by ${role} to current_user`);
      await administer(url, `drop role ${role}`);
      await drop();
    },
  };
}

/** Uses every call, in good and in bad ways, and answers what was secret in it. */
async function live(keyturn: TestKeyturn): Promise<Secrets> {
  const secrets: Secrets = new Map();
  const client = clientOf(keyturn);
  const password = `p\u00e4ss-${randomBytes(12).toString('hex')}`;
  const wrong = `wrong-${randomBytes(12).toString('hex')}`;
  secrets.set('password', password).set('wrong password', wrong);
  const keep = (name: string, accessToken: string, refreshToken?: string) => {
    secrets.set(`${name}'s access token`, accessToken);
    if (refreshToken !== undefined) secrets.set(`${name}'s refresh token`, refreshToken);
  };

  const ann = await client.register({ password });
  keep('register', ann.accessToken, ann.refreshToken);
  const phone = await client.login(ann, password);
  keep('login', phone.accessToken, phone.refreshToken);
  const refreshed = await client.refresh(ann.refreshToken);
  keep('refresh', refreshed.body.access_token, refreshed.body.refresh_token);
  keep('replay', (await client.refresh(ann.refreshToken)).body.access_token);
  keyturn.clock.advance(seconds(30));
  const recovered = await client.refresh(ann.refreshToken);
  keep('recovery', recovered.body.access_token, recovered.body.refresh_token);
  expect((await client.refresh(refreshed.body.refresh_token)).body.code).toBe(
    'refresh_token_reused',
  );

  const browser = browserAt(keyturn);
  const credentials = { email: ann.email, password, delivery: 'cookie' };
  const cookieLogin = await browser.post('/api/auth/login', credentials);
  keep('cookie', cookieLogin.body.access_token, browser.cookie?.split('=')[1]);
  keyturn.clock.advance(seconds(30));
  const rotated = await browser.refresh();
  keep('rotated cookie', rotated.body.access_token, browser.cookie?.split('=')[1]);

  await client.get('/api/auth/sessions', bearer(phone.accessToken)).expect(200);
  await client.get(`/api/auth/me?access_token=${phone.accessToken}`).expect(401);
  await client.get(`/api/auth/me?password=${wrong}`, bearer(`${phone.accessToken}x`)).expect(401);
  // A failed login's User-Agent and any path are logged; tokens in them are ours to hide.
  const agent = { 'User-Agent': `agent ${phone.refreshToken} ${phone.accessToken}` };
  await client.post('/api/auth/login', { email: ann.email, password: wrong }, agent).expect(401);
  await client.get(`/api/auth/${phone.refreshToken}/${phone.accessToken}`).expect(404);
  await client.post('/api/auth/login', { email: ann.email, password, extra: wrong }).expect(400);
  await client.post('/api/auth/register', { email: freshEmail(), password: wrong }).expect(400);
  await fetch(`${keyturn.url}/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: `{"password":"${password}","password":"${wrong}", oops`,
  });
  await client.logout(phone.refreshToken).expect(204);
  await client.post('/api/auth/logout-all', {}, bearer(rotated.body.access_token)).expect(204);
  await recover(keyturn, secrets);
  return secrets;
}

/** Uses every call that mails a token or takes one. */
async function recover(keyturn: TestKeyturn, secrets: Secrets): Promise<void> {
  const client = clientOf(keyturn);
  const [first, second, third] = ['first', 'second', 'third'].map(
    (name) => `${name}-${randomBytes(12).toString('hex')}`,
  ) as [string, string, string];
  for (const password of [first, second, third])
    secrets.set(password.split('-')[0] ?? '', password);
  const ann = await client.register({ password: first });
  const mailed = (name: string, token: string) => {
    secrets.set(`${name} token`, token);
    return token;
  };
  mailed('verify', await mailedToken(keyturn, ann.email));
  const change = { email: freshEmail(), password: first };
  mailed('unused', await addressToken(keyturn, client, ann, change));
  const reset = mailed('reset', await forgottenToken(keyturn, client, ann));
  // Tokens where none belongs, which are logged.
  const agent = { 'User-Agent': `agent ${reset}` };
  await client.get(`/api/auth/${reset}?token=${reset}`, agent).expect(404);
  const id = { 'X-Request-Id': reset };
  for (const path of ['/healthz', '/readyz', '/api/auth/me']) await client.get(path, id);
  await client.post('/api/auth/login', { email: ann.email, password: reset }, agent).expect(401);
  const verify = (token: string) => client.post('/api/auth/email/verify', { token }, agent);
  await verify(reset).expect(400);
  await client
    .post('/api/auth/password/reset', { token: reset, password: second }, agent)
    .expect(204);
  const again = await client.login(ann, second);
  const headers = bearer(again.accessToken);
  await client
    .post(
      '/api/auth/password/change',
      { current_password: second, new_password: third },
      { ...headers, ...agent },
    )
    .expect(204);
  const other = { email: freshEmail(), password: third };
  await verify(mailed('change', await addressToken(keyturn, client, again, other))).expect(204);
  // What is left to be sent, and what waits for an answer, is looked at as well.
  mailed('outstanding', await forgottenToken(keyturn, client, other));
  await client.post('/api/auth/password/forgot', { email: other.email }, agent).expect(202);
  secrets.set('access token of the change', again.accessToken);
  secrets.set('refresh token of the change', again.refreshToken);
}

/** Every spelling in which a secret could stand in a text. */
function spellings(secret: string | Buffer): string[] {
  const bytes = Buffer.from(secret);
  const raw = typeof secret === 'string' ? [secret, JSON.stringify(secret).slice(1, -1)] : [];
  // Without the last digits, which depend on what follows in a longer text.
  const base64 = bytes.toString('base64').replace(/.{0,2}=*$/, '');
  const all = [
    ...raw,
    bytes.toString('hex'),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
  ];
  return all.filter((text) => text.length >= 16);
}

/** The secret parts within tokens: the signature of a JWS, the secret bytes of a refresh token. */
function partsOf(secrets: Secrets): Secrets {
  const parts: Secrets = new Map();
  for (const [name, secret] of secrets) {
    const text = secret.toString();
    if (text.startsWith('eyJ')) parts.set(`${name}, its signature`, text.split('.')[2] ?? '');
    if (text.startsWith('ktm_')) {
      parts.set(`${name}, without prefix`, Buffer.from(text.slice(4), 'base64url'));
    }
    if (text.startsWith('ktr_')) {
      const bytes = Buffer.from(text.slice(4), 'base64url');
      parts.set(`${name}, without prefix`, bytes);
      parts.set(`${name}, its secret`, bytes.subarray(22, 54));
      parts.set(`${name}, its tag`, bytes.subarray(54));
    }
  }
  return parts;
}

function found(text: string, secrets: Secrets): string[] {
  return [...secrets]
    .filter(([, secret]) => spellings(secret).some((spelling) => text.includes(spelling)))
    .map(([name]) => name);
}

/** Every row of every table, as text. */
async function dump(keyturn: TestKeyturn): Promise<string> {
  const tables = await keyturn.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  expect(tables.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['users', 'sessions', 'signing_keys', 'sealed_secrets']),
  );
  let text = '';
  for (const { name } of tables) {
    const rows = await keyturn.sql<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
    text += rows.map(({ row }) => row).join('\n');
  }
  return text;
}

describe.each(DRIVERS)('secrets on $name', (driver) => {
  test('are in no table and in no log line', async () => {
    const place = await secretiveDatabase(driver);
    const keyturn = await startKeyturn(driver, { env: place.env });
    try {
      const used = await live(keyturn);
      const { active, next, tagKey, keyEncryptionKey } = await openKeys(keyturn);
      for (const { kid, privateKey } of [active, next]) {
        used.set(`private key ${kid}`, privateKey.export({ type: 'pkcs8', format: 'der' }));
        const jwk = privateKey.export({ format: 'jwk' });
        for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
          used.set(`${member} of ${kid}`, Buffer.from(jwk[member] ?? '', 'base64url'));
        }
      }
      used.set('tag key', tagKey).set('key-encryption key', Buffer.from(keyEncryptionKey));
      if (place.password !== undefined) used.set('database password', place.password);
      const secrets: Secrets = new Map([...used, ...partsOf(used)]);
      expect(secrets.size).toBeGreaterThan(40);

      const tables = await dump(keyturn);
      const log = keyturn.lines.join('');
      // What is looked for is found where it does stand.
      const { sub } = claimsOf(String(used.get("login's access token")));
      const known: Secrets = new Map([['user id', String(sub)]]);
      for (const text of [tables, log]) expect(found(text, known)).toEqual(['user id']);
      expect(found(tables, secrets)).toEqual([]);
      expect(found(log, secrets)).toEqual([]);
      expect(log).toContain('"level":"debug"');
    } finally {
      await keyturn.close();
      await place.drop();
    }
  });
});

test('a secret is found in each of its spellings', () => {
  const secret = randomBytes(32);
  for (const text of [
    secret.toString('hex'),
    `xyz${secret.toString('base64')}`,
    `{"a":"${secret.toString('base64url')}"}`,
  ]) {
    expect(found(text, new Map([['it', secret]]))).toEqual(['it']);
  }
  expect(found(randomBytes(64).toString('hex'), new Map([['it', secret]]))).toEqual([]);
});
