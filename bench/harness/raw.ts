import { createHash, randomUUID } from 'node:crypto';
import type { StaticAnswer } from '../limits/static-server.ts';
import type { Bench } from './bench.ts';

/** What Node writes by itself. */
const OWN_HEADERS = ['date', 'connection', 'keep-alive'];
const TABLE = `create table tokens (id uuid primary key, claims jsonb not null,
  generation integer not null, current_hash bytea not null, previous_hash bytea,
  rotated_at timestamptz not null, expires_at timestamptz not null) with (fillfactor = 70)`;

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

/** An answer of the server's, for the limit that gives the same. */
export async function fetchAnswer(port: number, path: string): Promise<StaticAnswer> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`);
  const headers = [...answer.headers].filter(([name]) => !OWN_HEADERS.includes(name)).flat();
  const idAt = headers.indexOf('x-request-id') + 1;
  if (answer.status !== 200 || idAt === 0) throw new Error(`${path} came with ${answer.status}`);
  return { status: answer.status, headers, idAt, body: await answer.text() };
}
