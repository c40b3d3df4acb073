import { AppError, unavailableError } from '../../kit/errors.ts';
import { recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { sessionEnded } from '../sessions/errors.ts';
import { holdUser } from '../users/change-store.ts';
import { findUser, type UserWithHash } from '../users/store.ts';
import type { AccountDeps, Change, Owner } from './deps.ts';
import { wrongPassword } from './errors.ts';

/** How an owner shows that it is them, and from where. */
export interface OwnerCall {
  readonly currentPassword: string;
  readonly origin: RequestOrigin;
  /** An address that the change sends a mail to, besides the owner's, which always gets one. */
  readonly recipient?: string | undefined;
  /** Aborts when nobody waits for the answer any more; a password is not checked then. */
  readonly signal?: AbortSignal | undefined;
}

/** A password that is changed again and again while it is being checked is not waited for. */
const ATTEMPTS = 3;

/**
 * Changes an account whose owner has given the current password. The password is checked, then
 * `prepare` does what takes long, then `apply` runs in a transaction that holds the user's row,
 * and only while the password is still the one that was checked.
 * @throws AppError `wrong_password`, `rate_limited`, `session_ended`, 503
 */
export async function asOwner<P, T>(
  deps: AccountDeps,
  owner: Owner,
  { currentPassword, origin, recipient, signal }: OwnerCall,
  prepare: () => Promise<P>,
  apply: (change: Change, user: UserWithHash, prepared: P) => Promise<T>,
): Promise<T> {
  for (let i = 0; i < ATTEMPTS; i++) {
    const found = await findUser(deps.database.db, owner.userId);
    // Deleted or disabled since the call was let in: its sessions went with it.
    if (!found || found.disabledAt) throw new AppError(sessionEnded);
    const account = { origin, account: found.email };
    const tried = await deps.limits.tryPassword('current_password', account, deps.clock.now());
    const stored = found.passwordHash ?? undefined;
    const { ok } = await deps.hasher.verify(stored, currentPassword, signal);
    if (!ok) {
      await tried.wrong(deps.clock.now());
      deps.record({ event: 'password_refused', ...owner, origin });
      throw new AppError(wrongPassword, {
        fields: [{ path: 'current_password', message: 'is not the current password' }],
      });
    }
    await deps.limits.takeMail({ ...account, recipient }, deps.clock.now());
    const prepared = await prepare();
    const now = deps.clock.now();
    const done = await recording(deps, async (tx, record) => {
      const user = await holdUser(tx, owner.userId);
      if (!user || user.disabledAt || user.passwordHash !== found.passwordHash) return undefined;
      await tried.right(tx, now);
      return { result: await apply({ tx, record, now }, user, prepared) };
    });
    if (done) return done.result;
  }
  throw unavailableError('The account is being changed; try again.');
}
