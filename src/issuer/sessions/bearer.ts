import type { Database } from '../../db/database.ts';
import { bearerToken } from '../../http/bearer.ts';
import type { AppContext } from '../../http/context.ts';
import type { AccessTokenClaims, Expectations } from '../../jwt/claims.ts';
import { tokenClaimsInvalid, tokenMissing } from '../../jwt/errors.ts';
import { verifyAccessToken } from '../../jwt/verify.ts';
import type { Clock } from '../../kit/clock.ts';
import { AppError } from '../../kit/errors.ts';
import { isUuid, type SessionId, type UserId } from '../../kit/id.ts';
import { reporting } from '../../kit/outcome.ts';
import type { Keyring } from '../keys/keyring.ts';
import { sessionEnded } from './errors.ts';
import { isSessionLive } from './store.ts';

/** What the issuer's own bearer calls need. */
export interface BearerDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Clock;
  readonly keyring: Pick<Keyring, 'resolve'>;
  readonly expected: Expectations;
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
  return reporting(deps.onValidated, () => identify(deps, ctx));
}

async function identify(deps: BearerDeps, ctx: AppContext): Promise<Caller> {
  const token = bearerToken(ctx);
  if (token === undefined) throw new AppError(tokenMissing);
  const now = deps.clock.now();
  const claims = await verifyAccessToken(deps.keyring.resolve, deps.expected, token, now);
  const { sub, sid } = claims;
  if (!isUuid(sub) || typeof sid !== 'string' || !isUuid(sid)) {
    throw new AppError(tokenClaimsInvalid);
  }
  const caller = { userId: sub as UserId, sessionId: sid as SessionId, claims };
  if (!(await isSessionLive(deps.database.db, caller.sessionId, caller.userId, now))) {
    throw new AppError(sessionEnded);
  }
  return caller;
}
