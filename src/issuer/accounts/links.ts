import type { Tx } from '../../db/database.ts';
import { after, type Duration } from '../../kit/duration.ts';
import type { UserId } from '../../kit/id.ts';
import type { LinkMailKind, NoticeKind } from '../mail/mail.ts';
import { enqueueMail } from '../mail/outbox.ts';
import { dropUnsentMail } from '../mail/store.ts';
import type { User } from '../users/store.ts';
import type { LinkDeps } from './deps.ts';
import {
  CONFIRM_TTL,
  hashMailedToken,
  type MailedTokenPurpose,
  newMailedToken,
  RESET_TTL,
} from './mailed-token.ts';
import { putToken, voidTokens } from './token-store.ts';

/** What the link of each mail does, where it leads, and for how long. */
const LINKS: Readonly<
  Record<LinkMailKind, { purpose: MailedTokenPurpose; page: string; ttl: Duration }>
> = {
  reset_password: { purpose: 'reset_password', page: 'reset-password', ttl: RESET_TTL },
  set_password: { purpose: 'reset_password', page: 'reset-password', ttl: CONFIRM_TTL },
  verify_email: { purpose: 'verify_email', page: 'verify-email', ttl: CONFIRM_TTL },
  confirm_email_change: { purpose: 'change_email', page: 'verify-email', ttl: CONFIRM_TTL },
};

const KINDS = Object.keys(LINKS) as LinkMailKind[];

const kindsOf = (purpose: MailedTokenPurpose): LinkMailKind[] =>
  KINDS.filter((kind) => LINKS[kind].purpose === purpose);

/**
 * Mails a user a link with a fresh token, which voids the one before, sent or not. The transaction
 * holds the user's row. The token stands in the fragment, which no server and no log gets to see.
 * @param email another address than the user's, to be confirmed; null: a token that nobody gets
 */
export async function mailLink(
  tx: Tx,
  deps: LinkDeps,
  user: User,
  kind: LinkMailKind,
  now: Date,
  email: string | null = user.email,
): Promise<void> {
  const { purpose, page, ttl } = LINKS[kind];
  const token = newMailedToken();
  const hash = hashMailedToken(token);
  if (!hash) throw new Error('a token was made that does not look like one');
  const expiresAt = after(now, ttl);
  const userId = user.id;
  await putToken(tx, {
    hash,
    userId,
    purpose,
    email: email ?? user.email,
    createdAt: now,
    expiresAt,
  });
  await dropUnsentMail(tx, userId, kindsOf(purpose));
  if (email === null) return;
  const verified = user.emailVerified && email === user.email;
  const to = { email, name: user.name, userId, verified };
  const link = `${deps.issuer}/${page}#token=${token}`;
  await enqueueMail(tx, deps.outbox, to, { kind, link, expiresAt }, now);
}

/**
 * Tells a user what has happened to the account, at the address in `user`.
 * @param userId null for a user whose row the transaction does not hold, or is about to delete
 */
export async function mailNotice(
  tx: Tx,
  deps: Pick<LinkDeps, 'outbox'>,
  user: User,
  kind: NoticeKind,
  now: Date,
  userId: UserId | null = user.id,
): Promise<void> {
  const { email, name, emailVerified: verified } = user;
  await enqueueMail(tx, deps.outbox, { email, name, userId, verified }, { kind }, now);
}

/** Voids a user's links of some purposes or all: the tokens, and the mails that were not sent. */
export async function voidLinks(
  tx: Tx,
  user: User,
  purposes?: readonly MailedTokenPurpose[],
): Promise<void> {
  await voidTokens(tx, user.id, purposes);
  await dropUnsentMail(tx, user.id, purposes ? purposes.flatMap(kindsOf) : KINDS);
}
