import type { Database } from '../../db/database.ts';
import { pageOfUsers } from '../users/bulk-store.ts';
import type { UserWithHash } from '../users/store.ts';

const PAGE = 500;

/**
 * Writes every user as a JSON line that `importUsers` reads, by id.
 * @param write takes some lines at a time, and is waited for
 * @returns how many there were
 */
export async function exportUsers(
  { database }: { readonly database: Pick<Database, 'db'> },
  { hashes }: { readonly hashes: boolean },
  write: (lines: string) => Promise<void>,
): Promise<{ readonly exported: number }> {
  let exported = 0;
  let last: UserWithHash | undefined;
  for (;;) {
    const users = await pageOfUsers(database.db, last?.id, PAGE);
    last = users.at(-1);
    if (!last) return { exported };
    exported += users.length;
    await write(users.map((user) => `${JSON.stringify(lineOf(user, hashes))}\n`).join(''));
  }
}

const lineOf = (user: UserWithHash, hashes: boolean) => ({
  id: user.id,
  email: user.email,
  name: user.name,
  ...(hashes && { password_hash: user.passwordHash }),
  email_verified: user.emailVerified,
  created_at: user.createdAt,
  ...(user.disabledAt && { disabled_at: user.disabledAt }),
});
