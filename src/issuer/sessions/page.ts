import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Duration } from '../../kit/duration.ts';
import type { SessionId, UserId } from '../../kit/id.ts';
import { judge } from './machine.ts';
import { hashRefreshToken, readRefreshToken, type TagKey } from './refresh-token.ts';
import { findSession } from './store.ts';

/** What recognising the visitor of a page needs. */
export interface VisitorDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly tagKey: TagKey;
  readonly refreshReplayWindow: Duration;
}

/** Somebody whose browser holds the cookie of a live session. */
export interface Visitor {
  readonly userId: UserId;
  readonly sessionId: SessionId;
}

/**
 * Whose session the refresh token in a page's cookie belongs to. Reads alone: a page neither
 * rotates the token nor ends anything. A token that a refresh would still answer counts, consumed
 * a moment ago by another tab or with its successor lost; a replayed one does not, and is left for
 * a refresh to tell.
 */
export async function findVisitor(
  deps: VisitorDeps,
  text: string | undefined,
): Promise<Visitor | undefined> {
  const token = text === undefined ? undefined : readRefreshToken(text, deps.tagKey);
  if (!token) return undefined;
  const session = await findSession(deps.database.db, token.sessionId);
  const presented = {
    generation: token.generation,
    hash: hashRefreshToken(token).toString('base64url'),
  };
  const now = deps.clock.now();
  switch (judge(session, presented, 'cookie', deps.refreshReplayWindow, now)) {
    case 'fresh':
    case 'current':
    case 'replayable':
    case 'recoverable':
      return session && { userId: session.userId, sessionId: token.sessionId };
    default:
      return undefined;
  }
}
