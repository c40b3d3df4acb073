import type { Database } from '../db/database.ts';
import { emailAddress } from '../http/text.ts';
import { type AuditEvent, listEvents } from '../issuer/audit/store.ts';
import { type SessionFacts, sessionFacts } from '../issuer/sessions/facts.ts';
import { findUser, findUserByEmail } from '../issuer/users/store.ts';
import type { Clock } from '../kit/clock.ts';
import { before, milliseconds } from '../kit/duration.ts';
import { isUuid, type SessionId, type UserId } from '../kit/id.ts';
import { NotThere } from './failure.ts';

/** The most events that one answer holds. */
export const MOST_EVENTS = 10_000;

interface TrailDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly trail: { flush(): Promise<void> };
}

/** Which events `audit list` shows. */
export interface TrailQuery {
  /** An email address, or an id, which may be that of a user who is gone. */
  readonly user?: string | undefined;
  readonly event?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  /** As long before now, in milliseconds, instead of `since`. */
  readonly age?: number | undefined;
  readonly limit: number;
}

/** What `audit list` answers: the newest first. */
export interface TrailReport {
  readonly events: readonly AuditEvent[];
  /** Whether there are older ones that would fit too. */
  readonly more: boolean;
}

/** `audit list` @throws NotThere for an email address that nobody has */
export async function listTrail(deps: TrailDeps, query: TrailQuery): Promise<TrailReport> {
  const { user, event, since, age, limit } = query;
  // What this process has noted a moment ago is part of the answer.
  await deps.trail.flush();
  const start = age === undefined ? since : before(deps.clock.now(), milliseconds(age));
  const found = await listEvents(deps.database.db, {
    userId: user === undefined ? undefined : await userIdOf(deps, user),
    event,
    since: start === undefined ? undefined : new Date(start),
    limit: limit + 1,
  });
  return { events: found.slice(0, limit), more: found.length > limit };
}

/** What `sessions explain` answers. */
export interface SessionReport extends SessionFacts {
  /** Null when the user is gone. */
  readonly email: string | null;
}

/** `sessions explain` @throws NotThere when neither a session nor an event has this id */
export async function explainSession(deps: TrailDeps, given: string): Promise<SessionReport> {
  const id = given.toLowerCase();
  await deps.trail.flush();
  const facts = isUuid(id)
    ? await sessionFacts(deps.database.db, id as SessionId, deps.clock.now())
    : undefined;
  if (!facts) {
    throw new NotThere('unknown_session', 'There is no session with this id, nor an event of one.');
  }
  const user = facts.user_id && (await findUser(deps.database.db, facts.user_id));
  return { ...facts, email: user ? user.email : null };
}

async function userIdOf({ database }: TrailDeps, user: string): Promise<UserId> {
  if (isUuid(user)) return user.toLowerCase() as UserId;
  const email = emailAddress.safeParse(user);
  const found = email.success && (await findUserByEmail(database.db, email.data));
  if (found) return found.id;
  throw new NotThere('unknown_user', `There is no user with the address ${user}.`);
}
