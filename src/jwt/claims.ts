import { type Duration, toSeconds } from '../kit/duration.ts';

/** The claims of an access token (RFC 9068) that everybody relies on. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  /** Seconds since the epoch. */
  readonly exp: number;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly jti: string;
  readonly client_id: string;
  readonly [name: string]: unknown;
}

/** What a token has to say to be good here. */
export interface Expectations {
  readonly issuer: string;
  readonly audience: string;
  /** Leeway for `iat` and `nbf`; `exp` gets none. */
  readonly clockSkew: Duration;
}

/** No honest token lives longer; config holds `ACCESS_TOKEN_TTL` to it. In seconds. */
const LONGEST_LIFETIME = 24 * 3600;

/**
 * Judges claims: `invalid` for any but a past `exp`, then `expired`, else they are good.
 * Pure; `now` is the instant of the request.
 */
export function judgeClaims(
  claims: Readonly<Record<string, unknown>>,
  expected: Expectations,
  now: Date,
): 'good' | 'expired' | 'invalid' {
  const seconds = now.getTime() / 1000;
  const latest = seconds + toSeconds(expected.clockSkew);
  const { exp, iat, nbf } = claims;
  const fits =
    claims.iss === expected.issuer &&
    isFor(claims.aud, expected.audience) &&
    isSubject(claims.sub) &&
    isText(claims.jti) &&
    isText(claims.client_id) &&
    isTime(iat) &&
    iat <= latest &&
    (nbf === undefined || (isTime(nbf) && nbf <= latest)) &&
    isTime(exp) &&
    exp > iat &&
    exp - iat <= LONGEST_LIFETIME;
  if (!fits) return 'invalid';
  return exp <= seconds ? 'expired' : 'good';
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0;

/** At most 255 ASCII characters (OpenID Connect Core section 2), none of them a control. */
const isSubject = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value);

const isTime = (value: unknown): value is number => typeof value === 'number' && value > 0;

function isFor(aud: unknown, audience: string): boolean {
  if (typeof aud === 'string') return aud === audience;
  return Array.isArray(aud) && aud.every(isText) && aud.includes(audience);
}
