import type { Database } from '../../db/database.ts';
import { bearerToken } from '../../http/bearer.ts';
import type { AppContext } from '../../http/context.ts';
import type { AccessTokenClaims } from '../../jwt/claims.ts';
import { tokenClaimsInvalid, tokenMissing } from '../../jwt/errors.ts';
import type { RememberingVerifier } from '../../jwt/verified-tokens.ts';
import type { Clock } from '../../kit/clock.ts';
import { AppError } from '../../kit/errors.ts';
import { isUuid, type SessionId, type UserId } from '../../kit/id.ts';
import { reporting } from '../../kit/outcome.ts';
import { sessionEnded } from './errors.ts';
import { isSessionLive } from './store.ts';

/** What the issuer's own bearer calls need. */
export interface BearerDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Clock;
  readonly verifyToken: RememberingVerifier;
  /** Told how each access token was judged: `ok` or the error's code. */
  readonly onValidated: (result: string) => void;
}

/** Who makes a bearer call, in which session. */
export interface Caller {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly claims: AccessTokenClaims;
}

/**
 * Authenticates a call to the issuer itself: the access token has to be good, and its session
 * live, which other services do not ask.
 * @throws AppError any of the contract's 401s
 */
export function authenticate(deps: BearerDeps, ctx: AppContext): Promise<Caller> {
  return authenticateBy(deps, ctx, async (caller, now) => {
    const { userId, sessionId } = caller;
    return (await isSessionLive(deps.database.db, sessionId, userId, now)) ? caller : undefined;
  });
}

/**
 * The same for a call that reads more with the look at the session.
 * @param look answers what the call wants, or undefined where the caller's session is over
 */
export function authenticateBy<T>(
  deps: Omit<BearerDeps, 'database'>,
  ctx: AppContext,
  look: (caller: Caller, now: Date) => Promise<T | undefined>,
): Promise<T> {
  return reporting(deps.onValidated, async () => {
    const now = deps.clock.now();
    const found = await look(await identify(deps, ctx, now), now);
    if (found === undefined) throw new AppError(sessionEnded);
    return found;
  });
}

async function identify(
  { verifyToken }: Pick<BearerDeps, 'verifyToken'>,
  ctx: AppContext,
  now: Date,
): Promise<Caller> {
  const token = bearerToken(ctx);
  if (token === undefined) throw new AppError(tokenMissing);
  const claims = await verifyToken(token, now);
  const { sub, sid } = claims;
  if (!isUuid(sub) || typeof sid !== 'string' || !isUuid(sid)) {
    throw new AppError(tokenClaimsInvalid);
  }
  return { userId: sub as UserId, sessionId: sid as SessionId, claims };
}
