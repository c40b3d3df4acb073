import type { Db, Tx } from '../../db/database.ts';
import { isUniqueViolation } from '../../db/errors.ts';
import { execute } from '../../db/statement.ts';
import { AppError } from '../../kit/errors.ts';
import type { UserId } from '../../kit/id.ts';
import type { PasswordHash } from './argon2-hash.ts';
import { emailTaken } from './errors.ts';

/** The table of users, for this room's stores. */
export type Tables = {
  users: {
    id: UserId;
    email: string;
    email_verified: boolean;
    name: string;
    password_hash: PasswordHash | null;
    created_at: Date;
    disabled_at: Date | null;
  };
};

const tables = (db: Db) => db.$extendTables<Tables>();

/** A user. */
export interface User {
  readonly id: UserId;
  /** In its one canonical form. */
  readonly email: string;
  readonly emailVerified: boolean;
  readonly name: string;
  readonly createdAt: Date;
  readonly disabledAt: Date | null;
}

/** A user with what a login is checked against. */
export interface UserWithHash extends User {
  readonly passwordHash: PasswordHash | null;
}

/** A user from a row. */
export const toUser = (row: Tables['users']): UserWithHash => ({
  id: row.id,
  email: row.email,
  emailVerified: row.email_verified,
  name: row.name,
  createdAt: row.created_at,
  disabledAt: row.disabled_at,
  passwordHash: row.password_hash,
});

/** Stores a new user. @throws AppError `email_taken` */
export async function insertUser(tx: Tx, user: UserWithHash): Promise<void> {
  try {
    await tables(tx)
      .insertInto('users')
      .values({
        id: user.id,
        email: user.email,
        email_verified: user.emailVerified,
        name: user.name,
        password_hash: user.passwordHash,
        created_at: user.createdAt,
        disabled_at: user.disabledAt,
      })
      .execute();
  } catch (error) {
    if (isUniqueViolation(error, 'users_email_key')) throw new AppError(emailTaken);
    throw error;
  }
}

const BY_EMAIL = `SELECT id, email, email_verified, name, password_hash, created_at, disabled_at
FROM users WHERE email = $1`;

/** The user with an email address in canonical form. */
export async function findUserByEmail(db: Db, email: string): Promise<UserWithHash | undefined> {
  const { rows } = await execute<Tables['users']>(db, BY_EMAIL, [email]);
  return rows[0] && toUser(rows[0]);
}

/** The user with an id. */
export async function findUser(db: Db, id: UserId): Promise<UserWithHash | undefined> {
  const row = await tables(db)
    .selectFrom('users')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row && toUser(row);
}

/** Whether there is any user at all. */
export async function anyUsers(db: Db): Promise<boolean> {
  const row = await tables(db).selectFrom('users').select('id').limit(1).executeTakeFirst();
  return row !== undefined;
}

/**
 * The query `held` of a statement that opens a session, with three parameters from `$first` on:
 * holds a user's row against a change of password or a disabling, which wait for it and then end
 * what was opened. It has the row as it is now, with the `claims` of its tokens as `claimsOf` makes
 * them, and none when the password, the address or the account has changed since it was found.
 */
export const held = (first: number): string => `held AS MATERIALIZED (
  SELECT id, name, email_verified, jsonb_build_object(
    'email', email, 'email_verified', email_verified, 'name', name) AS claims
  FROM users
  WHERE id = $${first} AND password_hash = $${first + 1} AND email = $${first + 2}
    AND disabled_at IS NULL
  FOR SHARE)`;

/** The parameters of `held`. */
export const heldValues = (user: UserWithHash): readonly unknown[] => [
  user.id,
  user.passwordHash,
  user.email,
];

const HOLD = `WITH ${held(1)} SELECT FROM held`;

/**
 * Holds a user's row as `held` does, until the transaction ends.
 * @returns whether there is one, with the same password and address
 */
export async function holdForLogin(tx: Tx, user: UserWithHash): Promise<boolean> {
  return (await execute(tx, HOLD, heldValues(user))).rows.length > 0;
}

/** Replaces a password hash by one of the same password, unless it was changed meanwhile. */
export async function replaceHash(
  db: Db,
  id: UserId,
  from: PasswordHash,
  to: PasswordHash,
): Promise<void> {
  await tables(db)
    .updateTable('users')
    .set({ password_hash: to })
    .where('id', '=', id)
    .where('password_hash', '=', from)
    .execute();
}
