import { newUuid, type UserId } from '../../kit/id.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import { insertUser, type User } from '../users/store.ts';
import type { LinkDeps } from './deps.ts';
import { mailLink } from './links.ts';

/** As everywhere a name is given: an import would refuse a longer one from an export. */
const LONGEST_NAME = 200;

/**
 * Makes an account for somebody, whoever may register: they get a mail with a link to set a first
 * password, which also verifies the address. Until then nobody can log in to it.
 * @param input the address in canonical form; without a name it is what stands before the @
 * @throws AppError `email_taken`
 */
export async function createUser(
  deps: LinkDeps & RecordingDeps,
  { email, name }: { readonly email: string; readonly name?: string | undefined },
  now: Date,
): Promise<User> {
  const created = await recording(deps, async (tx, record) => {
    const user = {
      id: newUuid(now) as UserId,
      email,
      emailVerified: false,
      name: name ?? email.slice(0, email.lastIndexOf('@')).slice(0, LONGEST_NAME),
      createdAt: now,
      disabledAt: null,
    };
    await insertUser(tx, { ...user, passwordHash: null });
    await mailLink(tx, deps, user, 'set_password', now);
    record({ event: 'account_created', userId: user.id });
    return user;
  });
  deps.outbox.hurry();
  return created;
}
