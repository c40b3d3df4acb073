import type { Db } from '../../db/database.ts';
import type { RequestOrigin, SecurityEvent, Trail } from '../audit/trail.ts';
import { beginSession, firstGrant, type SessionPolicy } from '../sessions/open.ts';
import type { RefreshToken } from '../sessions/refresh-token.ts';
import type { EndReason, Grant } from '../sessions/store.ts';
import { issueTokens, type TokenDeps } from '../sessions/tokens.ts';
import { claimsOf } from '../users/claims.ts';
import type { User, UserWithHash } from '../users/store.ts';
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
export interface Opened {
  /** As it was then. */
  readonly user: User;
  readonly refreshToken: RefreshToken;
  readonly grant: Grant;
  readonly now: Date;
  /** What is to be said then; it is stored already. */
  readonly events: readonly SecurityEvent[];
}

/**
 * Opens a session, in one statement.
 * @returns undefined when the user's password, address or account is no longer as it was found
 */
export async function open(
  deps: OpenDeps,
  db: Db,
  { user, event, origin, now }: Entrance,
): Promise<Opened | undefined> {
  const begun = beginSession(deps.sessionPolicy, user.id, origin, now);
  const common = { userId: user.id, origin };
  const opening = deps.trail.note({ ...common, event, sessionId: begun.row.id });
  const reason: EndReason = 'too_many_sessions';
  const each = deps.trail.note({ ...common, event: 'session_ended', reason });
  const opened = await openHeld(db, {
    user,
    session: begun.row,
    event: opening.entry ? [opening.entry] : [],
    each: each.entry ? [each.entry] : [],
  });
  if (!opened) return undefined;
  const { ended, ...fields } = opened;
  const current: User = { ...user, ...fields };
  const endings = ended.map((sessionId) => ({ ...each.event, sessionId }));
  return {
    user: current,
    refreshToken: begun.refreshToken,
    grant: firstGrant(begun, claimsOf(current)),
    now,
    events: [opening.event, ...endings],
  };
}

/** Says what happened, and issues the tokens of a session that is stored. */
export async function handOver(deps: OpenDeps, opened: Opened): Promise<LoggedIn> {
  for (const event of opened.events) deps.trail.announce(event);
  const { user, refreshToken, grant, now } = opened;
  return { user, tokens: await issueTokens(deps, refreshToken, grant, now) };
}
