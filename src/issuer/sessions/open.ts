import { after, type Duration, earliest } from '../../kit/duration.ts';
import { newUuid, type SessionId, type UserId } from '../../kit/id.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import type { NewSession } from './open-store.ts';
import { firstRefreshToken, hashRefreshToken, type RefreshToken } from './refresh-token.ts';
import type { Grant, UserClaims } from './store.ts';

/** The client of people who log in at Keyturn itself. */
export const FIRST_PARTY = 'keyturn';

/** How long sessions and their refresh tokens last. */
export interface SessionPolicy {
  readonly refreshTokenTtl: Duration;
  readonly sessionMaxTtl: Duration;
}

/** A session that is to be opened. */
export interface BegunSession {
  readonly row: NewSession;
  /** Its first refresh token. */
  readonly refreshToken: RefreshToken;
}

/** Makes a session for a user; nothing is stored. */
export function beginSession(
  policy: SessionPolicy,
  userId: UserId,
  { address, userAgent }: RequestOrigin,
  now: Date,
): BegunSession {
  const id = newUuid(now) as SessionId;
  const refreshToken = firstRefreshToken(id);
  const hash = hashRefreshToken(refreshToken);
  const maxExpiresAt = after(now, policy.sessionMaxTtl);
  const expiresAt = earliest(after(now, policy.refreshTokenTtl), maxExpiresAt);
  const times = { now, expiresAt, maxExpiresAt };
  return {
    row: { id, userId, clientId: FIRST_PARTY, hash, ...times, address, userAgent },
    refreshToken,
  };
}

/** What the tokens of a session that was opened are issued from. */
export const firstGrant = ({ row, refreshToken }: BegunSession, claims: UserClaims): Grant => ({
  userId: row.userId,
  clientId: row.clientId,
  claims,
  createdAt: row.now,
  expiresAt: row.expiresAt,
  generation: refreshToken.generation,
});
