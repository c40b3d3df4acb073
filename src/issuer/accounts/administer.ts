import type { UserId } from '../../kit/id.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import type { SecurityEvent } from '../audit/trail.ts';
import { endSessionsOf } from '../sessions/end-store.ts';
import type { EndReason } from '../sessions/store.ts';
import { changeUser, holdUser } from '../users/change-store.ts';
import type { User } from '../users/store.ts';
import { afterDeletion, type DeleteDeps, dropEndedSessions, removeUser } from './delete.ts';
import { voidLinks } from './links.ts';

/** What came of an administrator's command about a user. */
export interface Administered {
  readonly user: User;
  /** False when the account was that way already. */
  readonly changed: boolean;
  readonly sessionsEnded: number;
}

/**
 * Forbids a user to log in, ends every session and voids a change of address that was asked for.
 * @returns undefined when there is no such user
 */
export const disableUser = (deps: RecordingDeps, id: UserId, now: Date) =>
  administer(deps, id, now, { event: 'account_disabled', disabled: true, end: 'account_disabled' });

/** Lets a user log in again. @returns undefined when there is no such user */
export const enableUser = (deps: RecordingDeps, id: UserId, now: Date) =>
  administer(deps, id, now, { event: 'account_enabled', disabled: false });

/** Ends every session of a user. @returns undefined when there is no such user */
export const logOutUser = (deps: RecordingDeps, id: UserId, now: Date) =>
  administer(deps, id, now, { event: 'logged_out_everywhere', end: 'logged_out_by_admin' });

/** What to do to a user. */
interface Measure {
  readonly event: SecurityEvent['event'];
  /** What the account shall be; as it is, when absent. */
  readonly disabled?: boolean;
  /** Why every session ends; none does, when absent. */
  readonly end?: EndReason;
}

/** The user's row first, its sessions second: a login in flight sees the change or is ended. */
function administer(
  deps: RecordingDeps,
  id: UserId,
  now: Date,
  { event, disabled, end }: Measure,
): Promise<Administered | undefined> {
  return recording(deps, async (tx, record) => {
    const held = await holdUser(tx, id);
    if (!held) return undefined;
    const changes = disabled !== undefined && disabled !== (held.disabledAt !== null);
    const disabledAt = disabled ? now : null;
    const user = changes ? await changeUser(tx, held, { disabledAt }) : held;
    // Whoever is shut out may have asked for it, and would take the account along.
    if (disabled) await voidLinks(tx, held, ['change_email']);
    const ended = end ? await endSessionsOf(tx, id, { reason: end, now }) : [];
    const changed = changes || ended.length > 0;
    if (changed) record({ event, userId: id, ...(disabled === undefined && { reason: end }) });
    return { user, changed, sessionsEnded: ended.length };
  });
}

/** Deletes a user and all that is personal. @returns who it was; undefined when there is no such user */
export async function deleteUserById(
  deps: RecordingDeps & Pick<DeleteDeps, 'database' | 'outbox' | 'limits' | 'passOnDeletions'>,
  id: UserId,
  now: Date,
): Promise<User | undefined> {
  await dropEndedSessions(deps.database.db, id);
  const deleted = await recording(deps, async (tx, record) => {
    const user = await holdUser(tx, id);
    if (user) await removeUser(deps, tx, record, user, now);
    return user;
  });
  if (!deleted) return undefined;
  await afterDeletion(deps, id);
  return deleted;
}
