import { AppError, invalidRequest } from '../../kit/errors.ts';
import { recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { rewriteClaims } from '../sessions/claims-store.ts';
import { sessionEnded } from '../sessions/errors.ts';
import { changeUser, holdUser } from '../users/change-store.ts';
import { claimsOf } from '../users/claims.ts';
import { findUser, findUserByEmail, type UserWithHash } from '../users/store.ts';
import { asOwner } from './as-owner.ts';
import type { AccountDeps, Change, Owner } from './deps.ts';
import { invalidToken } from './errors.ts';
import { mailLink, mailNotice, voidLinks } from './links.ts';
import { hashMailedToken } from './mailed-token.ts';
import { consumeToken, findToken, type TokenUse } from './token-store.ts';

const CONFIRMATIONS = ['verify_email', 'change_email'] as const;

/**
 * Asks for another address, which takes effect when a mail to it is confirmed; the old one is told.
 * An address that somebody has already gets a mail that says so, and the caller learns nothing.
 * @throws AppError `wrong_password`, `invalid_request` for the own address, `rate_limited`, 503
 */
export async function requestEmailChange(
  deps: AccountDeps,
  owner: Owner,
  { email, currentPassword }: { readonly email: string; readonly currentPassword: string },
  origin: RequestOrigin,
  signal?: AbortSignal,
): Promise<void> {
  const apply = async ({ tx, record, now }: Change, user: UserWithHash) => {
    if (email === user.email) {
      const message = 'is the address of this account already';
      throw new AppError(invalidRequest, { fields: [{ path: 'email', message }] });
    }
    const taken = await findUserByEmail(tx, email);
    // Who asked before gets no further either way: else that would tell whether this is taken.
    await mailLink(tx, deps, user, 'confirm_email_change', now, taken ? null : email);
    // Without its user: two who want each other's addresses would wait for each other's rows.
    if (taken) await mailNotice(tx, deps, taken, 'account_exists', now, null);
    await mailNotice(tx, deps, user, 'email_change_requested', now);
    record({ event: 'email_change_requested', ...owner, origin });
  };
  const call = { currentPassword, origin, recipient: email, signal };
  await asOwner(deps, owner, call, async () => {}, apply);
  deps.outbox.hurry();
}

/**
 * Confirms an address by the token that was mailed to it: the account's own, or the one that it
 * changes to.
 * @throws AppError `invalid_token`, `rate_limited`; `email_taken` when somebody else has taken the
 *   new address meanwhile: whoever reads its mail may know
 */
export async function verifyEmail(
  deps: AccountDeps,
  { token }: { readonly token: string },
  origin: RequestOrigin,
): Promise<void> {
  const now = deps.clock.now();
  await deps.limits.take('verify', { origin }, now);
  deps.keyring.requireSigner();
  const hash = hashMailedToken(token);
  const seen = hash && (await findToken(deps.database.db, hash, CONFIRMATIONS, now));
  if (!seen) throw new AppError(invalidToken);
  await recording(deps, async (tx, record) => {
    const user = await holdUser(tx, seen.userId);
    const used = user && (await consumeToken(tx, hash, CONFIRMATIONS, now));
    if (!user || !used) throw new AppError(invalidToken);
    const change = { tx, record, now };
    if (used.purpose === 'change_email') await completeChange(deps, change, user, used, origin);
    else await confirm(change, user, used, origin);
  });
  deps.outbox.hurry();
}

async function confirm(
  { tx, record }: Change,
  held: UserWithHash,
  { email }: TokenUse,
  origin: RequestOrigin,
): Promise<void> {
  if (email !== held.email) throw new AppError(invalidToken);
  const user = await changeUser(tx, held, { emailVerified: true });
  await voidLinks(tx, user, ['verify_email']);
  await rewriteClaims(tx, user.id, claimsOf(user));
  record({ event: 'email_verified', userId: user.id, origin });
}

async function completeChange(
  deps: AccountDeps,
  { tx, record, now }: Change,
  held: UserWithHash,
  { email }: TokenUse,
  origin: RequestOrigin,
): Promise<void> {
  const user = await changeUser(tx, held, { email, emailVerified: true });
  await voidLinks(tx, user);
  await rewriteClaims(tx, user.id, claimsOf(user));
  await deps.limits.forget(tx, held.email);
  await deps.limits.noteNetwork(tx, { origin, account: email }, now);
  await mailNotice(tx, deps, held, 'email_changed', now);
  record({ event: 'email_changed', userId: user.id, origin });
}

/**
 * Mails the link that verifies a signed-in user's address once more, unless that is verified. For
 * somebody who is not signed in there is `requestVerification`.
 * @throws AppError `rate_limited`, `session_ended`, 503
 */
export async function resendVerification(
  deps: AccountDeps,
  { userId }: Owner,
  origin: RequestOrigin,
): Promise<void> {
  const now = deps.clock.now();
  const found = await findUser(deps.database.db, userId);
  if (!found) throw new AppError(sessionEnded);
  await deps.limits.take('resend', { origin, account: found.email }, now);
  await recording(deps, async (tx, record) => {
    const user = await holdUser(tx, userId);
    if (!user) throw new AppError(sessionEnded);
    if (user.emailVerified) return;
    await mailLink(tx, deps, user, 'verify_email', now);
    record({ event: 'email_verification_requested', userId, origin });
  });
  deps.outbox.hurry();
}
