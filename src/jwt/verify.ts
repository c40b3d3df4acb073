import { type KeyObject, verify } from 'node:crypto';
import { AppError } from '../kit/errors.ts';
import { type AccessTokenClaims, type Expectations, judgeClaims } from './claims.ts';
import { tokenClaimsInvalid, tokenExpired, tokenSignatureInvalid } from './errors.ts';
import { type Jws, readJsonObject, readJws } from './jws.ts';

/** Finds the public key for a `kid`; undefined when no such key is published. */
export type KeyResolver = (kid: string) => KeyObject | undefined | Promise<KeyObject | undefined>;

const MIN_MODULUS = 2048;

/**
 * Verifies an access token from the outside in, and answers its claims.
 * @param token the compact JWS as it was presented
 * @param now the instant of the request
 * @throws AppError in the contract's order: `token_malformed`, `token_signature_invalid`,
 *   `token_claims_invalid`, `token_expired`; whatever the resolver throws
 */
export async function verifyAccessToken(
  resolve: KeyResolver,
  expected: Expectations,
  token: string,
  now: Date,
): Promise<AccessTokenClaims> {
  const jws = readJws(token);
  const key = await resolve(jws.kid);
  if (!key || !isSignedBy(jws, key)) throw new AppError(tokenSignatureInvalid);
  const claims = readJsonObject(jws.payload);
  switch (judgeClaims(claims, expected, now)) {
    case 'good':
      return claims as AccessTokenClaims;
    case 'expired':
      throw new AppError(tokenExpired);
    case 'invalid':
      throw new AppError(tokenClaimsInvalid);
  }
}

/** RS256 alone (RFC 7518 section 3.3), whatever the header or the key would like. */
function isSignedBy(jws: Jws, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_MODULUS) return false;
  return verify('sha256', Buffer.from(jws.signingInput), key, jws.signature);
}
