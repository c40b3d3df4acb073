import type { Database, Db, Tx } from '../../db/database.ts';
import type { UserId } from '../../kit/id.ts';
import { forgetUser } from '../audit/store.ts';
import type { RecordEvent, RequestOrigin } from '../audit/trail.ts';
import type { Limits } from '../limits/limits.ts';
import { deleteEndedSessionsOf } from '../sessions/over-store.ts';
import { deleteUser } from '../users/change-store.ts';
import type { User } from '../users/store.ts';
import { asOwner } from './as-owner.ts';
import { noteDeletion } from './deletion-store.ts';
import type { AccountDeps, LinkDeps, Owner } from './deps.ts';
import { mailNotice } from './links.ts';
import { dropRequestsOf } from './request-store.ts';

/** What deleting one's own account needs. */
export interface DeleteDeps extends AccountDeps {
  /** Tells the services that keep something of users who are gone; never throws. */
  readonly passOnDeletions: () => Promise<void>;
}

/**
 * Deletes the account of somebody who knows its password, and all that is personal.
 * @throws AppError `wrong_password`, `rate_limited`, `session_ended`, 503
 */
export async function deleteAccount(
  deps: DeleteDeps,
  owner: Owner,
  { currentPassword }: { readonly currentPassword: string },
  origin: RequestOrigin,
  signal?: AbortSignal,
): Promise<void> {
  await asOwner(
    deps,
    owner,
    { currentPassword, origin, signal },
    () => dropEndedSessions(deps.database.db, owner.userId),
    ({ tx, record, now }, user) => removeUser(deps, tx, record, user, now),
  );
  await afterDeletion(deps, owner.userId);
}

/** Rows that a statement deletes. */
const BATCH = 5000;

/**
 * Drops the sessions of a user that have ended, before the transaction that deletes the user: with
 * the row may go more of them than a statement has time for, where a program logs in all day.
 */
export async function dropEndedSessions(db: Db, userId: UserId): Promise<void> {
  for (let dropped = BATCH; dropped === BATCH; ) {
    dropped = await deleteEndedSessionsOf(db, userId, BATCH);
  }
}

/** What is done at once; where there are more, the hourly job does the rest. */
const EVENTS_AT_ONCE = 5000;

/** Does what follows the commit of a deletion. Jobs do as much should it not come to that. */
export async function afterDeletion(
  deps: Pick<DeleteDeps, 'outbox' | 'passOnDeletions'> & {
    readonly database: Pick<Database, 'db'>;
  },
  userId: UserId,
): Promise<void> {
  deps.outbox.hurry();
  await deps.passOnDeletions();
  // The account is gone whatever comes of this.
  await forgetUser(deps.database.db, userId, EVENTS_AT_ONCE).catch(() => {});
}

/**
 * Removes a user whose row the transaction holds (`holdUser`), and all that is personal: sessions,
 * tokens and unsent mails go with the row. Afterwards call `afterDeletion`: the trail keeps what
 * happened without addresses and devices, and the services that keep something under the id are told.
 */
export async function removeUser(
  deps: Pick<LinkDeps, 'outbox'> & { readonly limits: Pick<Limits, 'forget'> },
  tx: Tx,
  record: RecordEvent,
  user: User,
  now: Date,
): Promise<void> {
  await deleteUser(tx, user.id);
  await dropRequestsOf(tx, user.email);
  await deps.limits.forget(tx, user.email);
  await noteDeletion(tx, user.id, now);
  await mailNotice(tx, deps, user, 'account_deleted', now, null);
  // Without its origin: that would be personal again.
  record({ event: 'account_deleted', userId: user.id });
}
