import type { Db } from '../../db/database.ts';
import type { RequestOrigin, SecurityEvent, Trail } from '../audit/trail.ts';
import { type BegunSession, beginSession, type SessionPolicy } from '../sessions/open.ts';
import type { EndReason } from '../sessions/store.ts';
import { issueTokens, type TokenDeps } from '../sessions/tokens.ts';
import { claimsOf } from '../users/claims.ts';
import type { UserWithHash } from '../users/store.ts';
import type { LoggedIn } from './login.ts';
import { openHeld } from './open-store.ts';

/** What opening a session needs. */
export interface OpenDeps extends TokenDeps {
  readonly sessionPolicy: SessionPolicy;
  readonly trail: Pick<Trail, 'note' | 'announce'>;
}

/** Who gets a session, and what the trail calls it. */
export interface Entrance {
  /** As it was found. */
  readonly user: UserWithHash;
  readonly event: 'logged_in' | 'registered';
  readonly origin: RequestOrigin;
  readonly now: Date;
}

/** A session that is stored once the transaction it was opened in is through. */
export interface Opened extends BegunSession {
  readonly user: UserWithHash;
  readonly now: Date;
  /** What is to be said then; it is stored already. */
  readonly events: readonly SecurityEvent[];
}

/**
 * Opens a session, in one statement.
 * @returns undefined when the user is no longer as it was found
 */
export async function open(
  deps: OpenDeps,
  db: Db,
  { user, event, origin, now }: Entrance,
): Promise<Opened | undefined> {
  const begun = beginSession(
    deps.sessionPolicy,
    { id: user.id, claims: claimsOf(user) },
    origin,
    now,
  );
  const common = { userId: user.id, origin };
  const opening = deps.trail.note({ ...common, event, sessionId: begun.row.id });
  const reason: EndReason = 'too_many_sessions';
  const each = deps.trail.note({ ...common, event: 'session_ended', reason });
  const ended = await openHeld(db, {
    user,
    session: begun.row,
    event: opening.entry ? [opening.entry] : [],
    each: each.entry ? [each.entry] : [],
  });
  if (!ended) return undefined;
  const endings = ended.map((sessionId) => ({ ...each.event, sessionId }));
  return { ...begun, user, now, events: [opening.event, ...endings] };
}

/** Says what happened, and issues the tokens of a session that is stored. */
export async function handOver(deps: OpenDeps, opened: Opened): Promise<LoggedIn> {
  for (const event of opened.events) deps.trail.announce(event);
  const { user, refreshToken, grant, now } = opened;
  return { user, tokens: await issueTokens(deps, refreshToken, grant, now) };
}
