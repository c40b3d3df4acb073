import { sql } from 'kysely';
import type { Db, Tx } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { UserId } from '../../kit/id.ts';
import { type Tables, toUser, type UserWithHash } from './store.ts';

const tables = (db: Db) => db.$extendTables<Tables>();

const INSERT = `INSERT INTO users
  (id, email, email_verified, name, password_hash, created_at, disabled_at)
SELECT id, email, email_verified, name, password_hash, created_at, disabled_at
FROM jsonb_to_recordset($1::jsonb) AS given (id uuid, email text, email_verified boolean, name text,
  password_hash text, created_at timestamptz, disabled_at timestamptz)`;

/** Stores new users in one statement. @throws StatementError 23505 when an id or address is taken */
export async function insertUsers(tx: Tx, users: readonly UserWithHash[]): Promise<void> {
  const rows = users.map((user) => ({
    id: user.id,
    email: user.email,
    email_verified: user.emailVerified,
    name: user.name,
    password_hash: user.passwordHash,
    created_at: user.createdAt,
    disabled_at: user.disabledAt,
  }));
  await execute(tx, INSERT, [JSON.stringify(rows)]);
}

const TAKEN = `SELECT id, email FROM users
WHERE email = ANY ($1::text[]) OR id = ANY ($2::uuid[])`;

/** Which of some ids and addresses belong to users. */
export async function findTaken(
  db: Db,
  emails: readonly string[],
  ids: readonly UserId[],
): Promise<{ readonly ids: ReadonlySet<string>; readonly emails: ReadonlySet<string> }> {
  const { rows } = await execute<{ id: string; email: string }>(db, TAKEN, [emails, ids]);
  return { ids: new Set(rows.map(({ id }) => id)), emails: new Set(rows.map((row) => row.email)) };
}

/** Users by id, from the one after `after` on. */
export async function pageOfUsers(
  db: Db,
  after: UserId | undefined,
  limit: number,
): Promise<UserWithHash[]> {
  let query = tables(db).selectFrom('users').selectAll().orderBy('id').limit(limit);
  if (after !== undefined) query = query.where('id', '>', after);
  return (await query.execute()).map(toUser);
}

/** Users by address, those alone whose address fits a pattern in which `*` stands for anything. */
export async function listUsers(
  db: Db,
  { pattern, limit }: { readonly pattern: string | undefined; readonly limit: number },
): Promise<UserWithHash[]> {
  let query = tables(db).selectFrom('users').selectAll().orderBy('email').limit(limit);
  if (pattern !== undefined) {
    const like = pattern
      .toLowerCase()
      .replaceAll(/[\\%_]/g, '\\$&')
      .replaceAll('*', '%');
    query = query.where(sql<boolean>`email LIKE ${like}`);
  }
  return (await query.execute()).map(toUser);
}
