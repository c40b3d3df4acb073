import type { Database } from '../db/database.ts';
import { emailAddress } from '../http/text.ts';
import {
  type Administered,
  deleteUserById,
  disableUser,
  enableUser,
  logOutUser,
} from '../issuer/accounts/administer.ts';
import { createUser } from '../issuer/accounts/create-user.ts';
import type { DeleteDeps } from '../issuer/accounts/delete.ts';
import type { LinkDeps } from '../issuer/accounts/deps.ts';
import { exportUsers } from '../issuer/accounts/export.ts';
import { importUsers } from '../issuer/accounts/import.ts';
import type { Trail } from '../issuer/audit/trail.ts';
import { listUsers } from '../issuer/users/bulk-store.ts';
import { findUser, findUserByEmail, type User } from '../issuer/users/store.ts';
import type { Clock } from '../kit/clock.ts';
import { isUuid, type UserId } from '../kit/id.ts';
import { NotThere } from './failure.ts';
import { spooled } from './spool.ts';
import type { Streams } from './streams.ts';

/** The most users that one answer holds. */
export const MOST_USERS = 10_000;

/** What making and deleting accounts takes besides the database: mails, and whatever else knows them. */
export type AccountMeans = LinkDeps & Pick<DeleteDeps, 'limits' | 'passOnDeletions'>;

/** What commands about users work on. */
export interface UserDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly trail: Trail;
  readonly accounts: () => Promise<AccountMeans>;
}

/** A user as commands show one. */
export interface UserReport {
  readonly id: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly name: string;
  readonly created_at: Date;
  readonly disabled_at: Date | null;
}

const report = (user: User): UserReport => ({
  id: user.id,
  email: user.email,
  email_verified: user.emailVerified,
  name: user.name,
  created_at: user.createdAt,
  disabled_at: user.disabledAt,
});

/** What `users list` answers. */
export interface UserList {
  readonly users: readonly (UserReport & { readonly has_password: boolean })[];
  /** Whether there are more that would fit. */
  readonly more: boolean;
}

/** `users list`, by address */
export async function listUsersCommand(
  { database }: UserDeps,
  { email, limit }: { readonly email?: string | undefined; readonly limit: number },
): Promise<UserList> {
  const found = await listUsers(database.db, { pattern: email, limit: limit + 1 });
  return {
    users: found
      .slice(0, limit)
      .map((user) => ({ ...report(user), has_password: user.passwordHash !== null })),
    more: found.length > limit,
  };
}

/** `users create` @throws AppError `email_taken` */
export async function createUserCommand(
  deps: UserDeps,
  given: { readonly email: string; readonly name?: string | undefined },
): Promise<{ readonly user: UserReport }> {
  const means = await deps.accounts();
  return { user: report(await createUser({ ...deps, ...means }, given, deps.clock.now())) };
}

/** What the commands that change an account answer. */
export interface UserChangeReport {
  readonly changed: boolean;
  readonly user: UserReport;
  readonly sessions_ended: number;
}

const MEASURES = { disable: disableUser, enable: enableUser, logout: logOutUser } as const;

/** `users disable`, `users enable`, `users logout` @throws NotThere */
export async function changeUserCommand(
  deps: UserDeps,
  measure: keyof typeof MEASURES,
  who: string,
): Promise<UserChangeReport> {
  const { id } = await find(deps, who);
  const done: Administered | undefined = await MEASURES[measure](deps, id, deps.clock.now());
  if (!done) throw unknown(who);
  const { user, changed, sessionsEnded } = done;
  return { changed, user: report(user), sessions_ended: sessionsEnded };
}

/** `users delete` @throws NotThere */
export async function deleteUserCommand(
  deps: UserDeps,
  who: string,
): Promise<{ readonly user: UserReport }> {
  const { id } = await find(deps, who);
  const means = await deps.accounts();
  const user = await deleteUserById({ ...deps, ...means }, id, deps.clock.now());
  if (!user) throw unknown(who);
  return { user: report(user) };
}

/** `users import` @throws AppError `import_refused`; KeyCommandRefused and KeyTrouble without keys */
export async function importUsersCommand(
  deps: UserDeps & { readonly firstKeys: () => Promise<void>; readonly dataDir: string },
  { input, signal }: Streams,
) {
  await deps.firstKeys();
  const { dataDir } = deps;
  return spooled(input, { dataDir, signal }, (read) => importUsers(deps, read, deps.clock.now()));
}

/** `users export` */
export const exportUsersCommand = (deps: UserDeps, { hashes }: { hashes: boolean }, to: Streams) =>
  exportUsers(deps, { hashes }, to.write);

async function find({ database }: UserDeps, who: string): Promise<User> {
  const email = emailAddress.safeParse(who);
  const found = isUuid(who)
    ? await findUser(database.db, who.toLowerCase() as UserId)
    : email.success && (await findUserByEmail(database.db, email.data));
  if (found) return found;
  throw unknown(who);
}

const unknown = (who: string): NotThere =>
  new NotThere(
    'unknown_user',
    `There is no user ${isUuid(who) ? 'with the id' : ''} ${who}.`.replace('  ', ' '),
  );
