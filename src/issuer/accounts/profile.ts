import { AppError } from '../../kit/errors.ts';
import { recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { rewriteClaims } from '../sessions/claims-store.ts';
import { sessionEnded } from '../sessions/errors.ts';
import { changeUser, holdUser } from '../users/change-store.ts';
import { claimsOf } from '../users/claims.ts';
import type { User } from '../users/store.ts';
import type { AccountDeps, Owner } from './deps.ts';

/** Changes a user's name, which tokens carry from their next refresh on. */
export function changeName(
  deps: AccountDeps,
  { userId, sessionId }: Owner,
  { name }: { readonly name: string },
  origin: RequestOrigin,
): Promise<User> {
  return recording(deps, async (tx, record) => {
    const held = await holdUser(tx, userId);
    if (!held) throw new AppError(sessionEnded);
    const user = await changeUser(tx, held, { name });
    await rewriteClaims(tx, userId, claimsOf(user));
    record({ event: 'profile_changed', userId, sessionId, origin });
    return user;
  });
}
