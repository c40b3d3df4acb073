import type { Tx } from '../../db/database.ts';
import { after, type Duration, earliest } from '../../kit/duration.ts';
import { newUuid, type SessionId, type UserId } from '../../kit/id.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { insertSession } from './open-store.ts';
import { firstRefreshToken, hashRefreshToken, type RefreshToken } from './refresh-token.ts';
import type { Grant, UserClaims } from './store.ts';

/** The client of people who log in at Keyturn itself. */
export const FIRST_PARTY = 'keyturn';

/** How long sessions and their refresh tokens last. */
export interface SessionPolicy {
  readonly refreshTokenTtl: Duration;
  readonly sessionMaxTtl: Duration;
}

/**
 * Opens a session, in the transaction that holds the user's row against a change of password.
 * @returns its first refresh token, what tokens are issued from once the transaction is through,
 *   and the sessions that ended to make room
 */
export async function openSession(
  tx: Tx,
  policy: SessionPolicy,
  user: { readonly id: UserId; readonly claims: UserClaims },
  origin: RequestOrigin,
  now: Date,
): Promise<{ refreshToken: RefreshToken; grant: Grant; ended: readonly SessionId[] }> {
  const id = newUuid(now) as SessionId;
  const refreshToken = firstRefreshToken(id);
  const maxExpiresAt = after(now, policy.sessionMaxTtl);
  const expiresAt = earliest(after(now, policy.refreshTokenTtl), maxExpiresAt);
  const ended = await insertSession(tx, {
    id,
    userId: user.id,
    clientId: FIRST_PARTY,
    claims: user.claims,
    hash: hashRefreshToken(refreshToken),
    now,
    expiresAt,
    maxExpiresAt,
    address: origin.address,
    userAgent: origin.userAgent,
  });
  const grant: Grant = {
    userId: user.id,
    clientId: FIRST_PARTY,
    claims: user.claims,
    createdAt: now,
    expiresAt,
    generation: refreshToken.generation,
  };
  return { refreshToken, grant, ended };
}
