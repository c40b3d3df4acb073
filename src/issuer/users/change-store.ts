import type { Db, Tx } from '../../db/database.ts';
import { isUniqueViolation } from '../../db/errors.ts';
import { AppError } from '../../kit/errors.ts';
import type { UserId } from '../../kit/id.ts';
import type { PasswordHash } from './argon2-hash.ts';
import { emailTaken } from './errors.ts';
import { type Tables, toUser, type UserWithHash } from './store.ts';

const tables = (db: Db) => db.$extendTables<Tables>();

const users = (tx: Tx) => tables(tx).selectFrom('users').selectAll().forUpdate();

/**
 * Holds a user's row until the transaction ends. Whatever changes a user begins with this and goes
 * on with sessions, tokens and mails: so no two changes wait for each other, and a login in flight
 * waits for the change.
 */
export async function holdUser(tx: Tx, id: UserId): Promise<UserWithHash | undefined> {
  const row = await users(tx).where('id', '=', id).executeTakeFirst();
  return row && toUser(row);
}

/** `holdUser` by the address in canonical form. */
export async function holdUserByEmail(tx: Tx, email: string): Promise<UserWithHash | undefined> {
  const row = await users(tx).where('email', '=', email).executeTakeFirst();
  return row && toUser(row);
}

/** What of a user can be changed. */
export interface UserChange {
  /** In canonical form. */
  readonly email?: string;
  readonly emailVerified?: boolean;
  readonly name?: string;
  /** Null: no password is right. */
  readonly passwordHash?: PasswordHash | null;
  /** Since when nobody may log in; null: everybody who can. */
  readonly disabledAt?: Date | null;
}

/**
 * Changes a user whose row the transaction holds.
 * @returns the user as changed
 * @throws AppError `email_taken`
 */
export async function changeUser(
  tx: Tx,
  user: UserWithHash,
  change: UserChange,
): Promise<UserWithHash> {
  const changed = { ...user, ...change };
  try {
    await tables(tx)
      .updateTable('users')
      .set({
        email: changed.email,
        email_verified: changed.emailVerified,
        name: changed.name,
        password_hash: changed.passwordHash,
        disabled_at: changed.disabledAt,
      })
      .where('id', '=', user.id)
      .execute();
  } catch (error) {
    if (isUniqueViolation(error, 'users_email_key')) throw new AppError(emailTaken);
    throw error;
  }
  return changed;
}

/** Deletes a user, and with the row everything that refers to it. */
export async function deleteUser(tx: Tx, id: UserId): Promise<void> {
  await tables(tx).deleteFrom('users').where('id', '=', id).execute();
}
