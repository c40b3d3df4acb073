import { coalesce } from '../../kit/coalesce.ts';
import { newUuid, type UserId } from '../../kit/id.ts';
import type { Logger } from '../../kit/log.ts';
import { recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { rewriteClaims } from '../sessions/claims-store.ts';
import { changeUser, holdUserByEmail } from '../users/change-store.ts';
import { claimsOf } from '../users/claims.ts';
import { insertUser } from '../users/store.ts';
import type { AccountDeps, Change } from './deps.ts';
import { mailLink, mailNotice, voidLinks } from './links.ts';
import {
  type AccountRequest,
  insertRequest,
  nextRequest,
  registrationsOf,
  takeRequest,
  type WaitingRequest,
} from './request-store.ts';

/** What answering requests needs. */
export type RequestDeps = Pick<
  AccountDeps,
  'database' | 'clock' | 'trail' | 'outbox' | 'issuer'
> & {
  readonly log: Pick<Logger, 'warn'>;
};

/**
 * Mails the address a link to set another password, if it has an account.
 * @throws AppError `rate_limited`, 503
 */
export async function requestPasswordReset(
  deps: Pick<AccountDeps, 'database' | 'clock' | 'limits'>,
  { email }: { readonly email: string },
  origin: RequestOrigin,
): Promise<void> {
  await deps.limits.take('forgot', { origin, account: email }, deps.clock.now());
  await keepRequest(deps, { kind: 'reset_password', email }, origin);
}

/**
 * Mails the address the link that verifies it once more, if it has an account that needs it.
 * @throws AppError `rate_limited`, 503
 */
export async function requestVerification(
  deps: Pick<AccountDeps, 'database' | 'clock' | 'limits'>,
  { email }: { readonly email: string },
  origin: RequestOrigin,
): Promise<void> {
  await deps.limits.take('resend', { origin, account: email }, deps.clock.now());
  await keepRequest(deps, { kind: 'verify_email', email }, origin);
}

/**
 * Keeps a request that its owner gets the answer to by mail. Nothing about the address is looked up
 * before the caller has an answer, and nothing is begun that the caller could feel: neither what is
 * said nor how long it takes can tell whether the address has an account.
 */
export const keepRequest = (
  deps: Pick<AccountDeps, 'database' | 'clock'>,
  request: AccountRequest,
  origin: RequestOrigin,
): Promise<void> => insertRequest(deps.database.db, request, origin, deps.clock.now());

/**
 * Makes what answers the requests that wait, in order of arrival, each in its own transaction: one
 * is answered once, whatever crashes and however many replicas look. One that fails waits for the
 * next call and holds up no other.
 */
export function answerRequests(deps: RequestDeps): () => Promise<void> {
  const { db } = deps.database;
  let known: ReadonlySet<string> = new Set();
  return coalesce(async () => {
    const failed = new Set<string>();
    let answered = 0;
    for (let id = await nextRequest(db, null); id; id = await nextRequest(db, id)) {
      try {
        await answerOne(deps, id);
        answered += 1;
      } catch (err) {
        // One line a request, not one a try.
        if (!known.has(id)) deps.log.warn({ err, request: id }, 'a request could not be answered');
        failed.add(id);
      }
    }
    known = failed;
    if (answered > 0) deps.outbox.hurry();
  });
}

/**
 * Answers the registrations of an address at once, for somebody who logs in right after: what the
 * login says of a new account it could say a second later anyway.
 */
export async function answerRegistrations(deps: RequestDeps, email: string): Promise<void> {
  const waiting = await registrationsOf(deps.database.db, email);
  for (const id of waiting) {
    // One that fails keeps nobody out: the job tries again, and says what is wrong.
    await answerOne(deps, id).catch(() => {});
  }
  if (waiting.length > 0) deps.outbox.hurry();
}

const answerOne = (deps: RequestDeps, id: string): Promise<void> =>
  recording(deps, async (tx, record) => {
    const request = await takeRequest(tx, id);
    if (request) await ANSWERS[request.kind](deps, { tx, record, now: deps.clock.now() }, request);
  });

type Answer = (deps: RequestDeps, change: Change, request: WaitingRequest) => Promise<void>;

const ANSWERS: Readonly<Record<AccountRequest['kind'], Answer>> = {
  reset_password: async (deps, { tx, record, now }, { email, origin }) => {
    const user = await holdUserByEmail(tx, email);
    record({ event: 'password_reset_requested', userId: user?.id, origin });
    if (user) await mailLink(tx, deps, user, 'reset_password', now);
  },
  verify_email: async (deps, { tx, record, now }, { email, origin }) => {
    const user = await holdUserByEmail(tx, email);
    if (!user || user.emailVerified) return;
    // Without a password a verified address alone would let nobody in.
    await mailLink(tx, deps, user, user.passwordHash ? 'verify_email' : 'set_password', now);
    record({ event: 'email_verification_requested', userId: user.id, origin });
  },
  register: async (deps, change, request) => {
    if (request.kind !== 'register') throw new Error('a registration of another kind');
    await answerRegistration(deps, change, request);
  },
};

/**
 * A new address gets an account and a link that verifies it. One with an account is told so. One
 * whose account nobody has verified yet has been registered by two parties, who need not be the
 * same: no password of either counts, and the owner of the address gets a link to choose one.
 */
async function answerRegistration(
  deps: RequestDeps,
  { tx, record, now }: Change,
  { email, name, passwordHash, origin }: WaitingRequest & { kind: 'register' },
): Promise<void> {
  const held = await holdUserByEmail(tx, email);
  if (held?.emailVerified) {
    await mailNotice(tx, deps, held, 'account_exists', now);
  } else if (held) {
    const user = await changeUser(tx, held, { name, passwordHash: null });
    // It may have been used before addresses had to be verified.
    await rewriteClaims(tx, user.id, claimsOf(user));
    await voidLinks(tx, user);
    await mailLink(tx, deps, user, 'set_password', now);
    const reason = 'registered_again';
    record({ event: 'email_verification_requested', userId: user.id, reason, origin });
  } else {
    const id = newUuid(now) as UserId;
    const user = { id, email, emailVerified: false, name, createdAt: now, disabledAt: null };
    await insertUser(tx, { ...user, passwordHash });
    await mailLink(tx, deps, user, 'verify_email', now);
    record({ event: 'registered', userId: id, origin });
  }
}
