import { AppError } from '../../kit/errors.ts';
import { recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { endSessionsOf } from '../sessions/end-store.ts';
import { changeUser, holdUser } from '../users/change-store.ts';
import { asOwner } from './as-owner.ts';
import { type AccountDeps, type Owner, requireGoodPassword } from './deps.ts';
import { invalidToken } from './errors.ts';
import { mailNotice, voidLinks } from './links.ts';
import { hashMailedToken } from './mailed-token.ts';
import { consumeToken, findToken } from './token-store.ts';

const RESET = ['reset_password'] as const;

/**
 * Sets another password by a mailed token, ends every session, and signs nobody in. The mail has
 * reached its address, which counts as verified from here on. A disabled account stays disabled.
 * @throws AppError `weak_password` (the token stays good), `invalid_token`, `rate_limited`, 503
 */
export async function resetPassword(
  deps: AccountDeps,
  { token, password }: { readonly token: string; readonly password: string },
  origin: RequestOrigin,
  signal?: AbortSignal,
): Promise<void> {
  await deps.limits.take('reset', { origin }, deps.clock.now());
  requireGoodPassword(deps, password, 'password');
  deps.keyring.requireSigner();
  const hash = hashMailedToken(token);
  // Looked at first, so that rubbish costs no password hash; consumed below.
  const seen = hash && (await findToken(deps.database.db, hash, RESET, deps.clock.now()));
  if (!seen) throw new AppError(invalidToken);
  const passwordHash = await deps.hasher.hash(password, signal);
  const now = deps.clock.now();
  await recording(deps, async (tx, record) => {
    const held = await holdUser(tx, seen.userId);
    const used = held && (await consumeToken(tx, hash, RESET, now));
    if (!held || !used) throw new AppError(invalidToken);
    const emailVerified = held.emailVerified || used.email === held.email;
    const user = await changeUser(tx, held, { passwordHash, emailVerified });
    await voidLinks(tx, user);
    await endSessionsOf(tx, user.id, { reason: 'password_reset', now });
    // Who reads the mail box gets in from where they showed it, whatever guesses come from elsewhere.
    await deps.limits.noteReset(tx, { origin, account: user.email }, now);
    await mailNotice(tx, deps, user, 'password_reset', now);
    record({ event: 'password_reset', userId: user.id, origin });
  });
  deps.outbox.hurry();
}

/**
 * Changes the password of somebody who knows the current one, and ends every other session.
 * @throws AppError `weak_password`, `wrong_password`, `rate_limited`, `session_ended`, 503
 */
export async function changePassword(
  deps: AccountDeps,
  owner: Owner,
  input: { readonly currentPassword: string; readonly newPassword: string },
  origin: RequestOrigin,
  signal?: AbortSignal,
): Promise<void> {
  requireGoodPassword(deps, input.newPassword, 'new_password');
  const { currentPassword } = input;
  await asOwner(
    deps,
    owner,
    { currentPassword, origin, signal },
    () => deps.hasher.hash(input.newPassword, signal),
    async ({ tx, record, now }, held, passwordHash) => {
      const user = await changeUser(tx, held, { passwordHash });
      await voidLinks(tx, user);
      await endSessionsOf(tx, user.id, { reason: 'password_changed', now }, owner.sessionId);
      await mailNotice(tx, deps, user, 'password_changed', now);
      record({ event: 'password_changed', ...owner, origin });
    },
  );
  deps.outbox.hurry();
}
