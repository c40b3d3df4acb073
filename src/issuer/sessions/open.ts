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
  /** What tokens are issued from once it is stored. */
  readonly grant: Grant;
}

/** Makes a session for a user; nothing is stored. */
export function beginSession(
  policy: SessionPolicy,
  user: { readonly id: UserId; readonly claims: UserClaims },
  origin: RequestOrigin,
  now: Date,
): BegunSession {
  const id = newUuid(now) as SessionId;
  const refreshToken = firstRefreshToken(id);
  const maxExpiresAt = after(now, policy.sessionMaxTtl);
  const expiresAt = earliest(after(now, policy.refreshTokenTtl), maxExpiresAt);
  const { address, userAgent } = origin;
  const common = { userId: user.id, clientId: FIRST_PARTY, claims: user.claims, expiresAt };
  const hash = hashRefreshToken(refreshToken);
  return {
    row: { ...common, id, hash, now, maxExpiresAt, address, userAgent },
    refreshToken,
    grant: { ...common, createdAt: now, generation: refreshToken.generation },
  };
}
