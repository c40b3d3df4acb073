import { type Duration, milliseconds, toSeconds } from '../../kit/duration.ts';
import type { SessionId } from '../../kit/id.ts';
import { type AccessTokenDeps, issueAccessToken } from './access-token.ts';
import { formatRefreshToken, type RefreshToken, type TagKey } from './refresh-token.ts';
import type { Grant } from './store.ts';

/** What a login or a refresh hands out. */
export interface Tokens {
  readonly accessToken: string;
  /** Whole seconds. */
  readonly expiresIn: number;
  readonly refreshToken: string;
  /** Whole seconds that the refresh token still lives. */
  readonly refreshExpiresIn: number;
  readonly sessionId: SessionId;
}

/** What tokens are made with. */
export interface TokenDeps extends AccessTokenDeps {
  /** The key of refresh tokens' tags. */
  readonly tagKey: TagKey;
}

/** Makes the pair of tokens for a session whose current refresh token is `refreshToken`. */
export async function issueTokens(
  deps: TokenDeps,
  refreshToken: RefreshToken,
  grant: Grant,
  now: Date,
): Promise<Tokens> {
  const { sessionId } = refreshToken;
  return {
    accessToken: await issueAccessToken(deps, sessionId, grant, now),
    expiresIn: toSeconds(deps.accessTokenTtl),
    refreshToken: formatRefreshToken(refreshToken, deps.tagKey),
    refreshExpiresIn: toSeconds(remaining(grant.expiresAt, now)),
    sessionId,
  };
}

const remaining = (until: Date, now: Date): Duration =>
  milliseconds(Math.max(0, until.getTime() - now.getTime()));
