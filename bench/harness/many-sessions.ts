import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { loadKeyEncryptionKeys } from '../../src/issuer/keys/key-encryption-key.ts';
import { createSealer } from '../../src/issuer/keys/sealing.ts';
import { REFRESH_TOKEN_TAG } from '../../src/issuer/keys/secrets.ts';
import { formatRefreshToken } from '../../src/issuer/sessions/refresh-token.ts';
import type { SessionId } from '../../src/kit/id.ts';
import type { Database } from './database.ts';

/**
 * Users and their sessions, one each, written by SQL: as a login writes them, but for a password.
 * Their ids rise as those of real ones do, and each one's secret can be had from its number.
 */
const FILL = (count: number) => `
  set session_replication_role = replica;
  create temporary table numbers as
    select i, ('0190' || lpad(to_hex(i), 8, '0') || '70008000' || lpad(to_hex(i), 12, '0'))::uuid as id
    from generate_series(1, ${count}) i;
  insert into users (id, email, email_verified, name, password_hash, created_at)
    select id, 'user' || i || '@example.com', false, 'Ada Lovelace', null, now() from numbers;
  insert into sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
      recovered, created_at, expires_at, max_expires_at, last_used_at, last_address, user_agent)
    select id, id, 'keyturn',
      jsonb_build_object('email', 'user' || i || '@example.com', 'email_verified', false,
        'name', 'Ada Lovelace'),
      1, sha256(uuid_send(id) || int4send(1) || sha256(convert_to('secret ' || i, 'UTF8'))),
      now(), false, now(), now() + interval '7 days', now() + interval '30 days', now(),
      '127.0.0.1', 'keyturn-bench'
    from numbers;`;

/** Fills the tables of a server that has started once, and leaves them as after a quiet night. */
export async function fillSessions(
  database: Database,
  databaseUrl: string,
  count: number,
): Promise<void> {
  await database.query(databaseUrl, FILL(count));
  await database.query(databaseUrl, 'vacuum (freeze, analyze) users');
  await database.query(databaseUrl, 'vacuum (freeze, analyze) sessions');
  await database.query(databaseUrl, 'checkpoint');
}

/**
 * The first refresh tokens of those sessions, by number. Their tags are made with the server's own
 * key, opened with the key-encryption key that it keeps in `home`.
 */
export async function firstTokens(
  database: Database,
  databaseUrl: string,
  home: string,
): Promise<(number: number) => string> {
  const [row] = await database.query<{ sealed: string }>(
    databaseUrl,
    `select sealed from sealed_secrets where name = '${REFRESH_TOKEN_TAG}'`,
  );
  if (!row) throw new Error('the server has no key for the tags of refresh tokens');
  const keys = await loadKeyEncryptionKeys({ from: 'directory', dir: join(home, 'keys') });
  const tagKey = await createSealer(keys).open(row.sealed, REFRESH_TOKEN_TAG);
  return (number) => {
    const hex = number.toString(16).padStart(8, '0');
    const id = `0190${hex.slice(0, 4)}-${hex.slice(4)}-7000-8000-${hex.padStart(12, '0')}`;
    const secret = createHash('sha256').update(`secret ${number}`).digest();
    return formatRefreshToken({ sessionId: id as SessionId, generation: 1, secret }, tagKey);
  };
}
