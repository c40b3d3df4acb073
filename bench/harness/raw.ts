import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { loadHash } from '../limits/argon2.ts';
import type { StaticAnswer } from '../limits/static-server.ts';
import type { Account } from './api.ts';
import type { Bench } from './bench.ts';
import { ARGON2 } from './server.ts';

/** What Node writes by itself. */
const OWN_HEADERS = ['date', 'connection', 'keep-alive'];
const TABLE = `create table tokens (id uuid primary key, claims jsonb not null,
  generation integer not null, current_hash bytea not null, previous_hash bytea,
  rotated_at timestamptz not null, expires_at timestamptz not null) with (fillfactor = 70)`;

const ACCOUNTS = `create table accounts (id uuid primary key, email text not null unique,
  salt bytea not null, password_hash bytea not null, claims jsonb not null)`;
const LOGINS = `create table logins (id uuid primary key, user_id uuid not null references accounts,
  secret_hash bytea not null, created_at timestamptz not null, expires_at timestamptz not null)`;

/** Fills a database for the limits that do what a refresh at least does; with the tokens to show. */
export async function fillTable(
  { database }: Bench,
  count: number,
): Promise<{ url: string; tokens: string[] }> {
  const url = await database.create();
  await database.query(url, TABLE);
  const tokens = Array.from({ length: count }, () => `${randomUUID()}.first`);
  const rows = tokens.map((token) => {
    const claims = { sub: randomUUID(), client_id: 'keyturn', sid: randomUUID() };
    const more = { email: 'ada@example.com', email_verified: false, name: 'Ada Lovelace' };
    const text = JSON.stringify({ ...claims, ...more, auth_time: 1_700_000_000 });
    const hash = createHash('sha256').update(token).digest('hex');
    return `('${token.slice(0, 36)}', '${text}', 0, '\\x${hash}', null, 'epoch', 'infinity')`;
  });
  await database.query(url, `insert into tokens values ${rows.join(', ')}`);
  return { url, tokens };
}

/** Fills a database for the limits that do what a login at least does; returns its URL. */
export async function fillAccounts(
  { database }: Bench,
  accounts: readonly Pick<Account, 'email' | 'password'>[],
): Promise<string> {
  const url = await database.create();
  await database.query(url, ACCOUNTS);
  await database.query(url, LOGINS);
  const { hash } = await loadHash();
  for (const { email, password } of accounts) {
    const salt = randomBytes(16);
    const made = await hash(Buffer.from(password), salt, ARGON2);
    const claims = { iss: 'http://localhost:3000', aud: 'http://localhost:3000', email };
    const more = { client_id: 'keyturn', email_verified: false, name: 'Ada Lovelace' };
    const text = JSON.stringify({ ...claims, ...more, sub: randomUUID() });
    const bytes = [salt, made].map((value) => `'\\x${value.toString('hex')}'`);
    await database.query(
      url,
      `insert into accounts values (gen_random_uuid(), '${email}', ${bytes}, '${text}')`,
    );
  }
  return url;
}

/** An answer of the server's, for the limit that gives the same. */
export async function fetchAnswer(port: number, path: string): Promise<StaticAnswer> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  const headers = [...answer.headers].filter(([name]) => !OWN_HEADERS.includes(name)).flat();
  const idAt = headers.indexOf('x-request-id') + 1;
  if (answer.status !== 200 || idAt === 0) throw new Error(`${path} came with ${answer.status}`);
  return { status: answer.status, headers, idAt, body: await answer.text() };
}
