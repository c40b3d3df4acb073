import { createPublicKey, type KeyObject } from 'node:crypto';
import { JwksFault } from './jwks-fault.ts';

/** Public keys by their kid. */
export type KeySet = ReadonlyMap<string, KeyObject>;

/** RS256 wants so many bits (RFC 7518 section 3.3). */
export const MIN_MODULUS = 2048;
/** What of an RSA JWK is private (RFC 7518 section 6.3.2): a key that shows it is anybody's. */
export const PRIVATE_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/**
 * Reads a JWK Set (RFC 7517) for RS256: what is not a public RSA key of 2048 bits or more for
 * signatures, or has no kid, or takes that of one before it, is passed over.
 * @throws JwksFault `not_json`, `no_keys`, `no_rs256_key`
 */
export function readJwkSet(document: unknown, url: string): KeySet {
  const keys = isObject(document) ? document.keys : undefined;
  if (!Array.isArray(keys)) throw new JwksFault('not_json', `${url} does not answer a JWK Set.`);
  if (keys.length === 0) throw new JwksFault('no_keys', `${url} holds no keys.`);
  const set = new Map<string, KeyObject>();
  for (const jwk of keys) {
    const key = isObject(jwk) ? readKey(jwk) : undefined;
    if (key && !set.has(key.kid)) set.set(key.kid, key.publicKey);
  }
  if (set.size === 0) {
    throw new JwksFault('no_rs256_key', `${url} holds no key for RS256 (RSA, 2048 bits or more).`);
  }
  return set;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a JWK is for verifying signatures, or does not say (RFC 7517 sections 4.2 and 4.3). */
export const isForSignatures = (jwk: Readonly<Record<string, unknown>>): boolean =>
  (jwk.use === undefined || jwk.use === 'sig') &&
  !(Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('verify'));

function readKey(jwk: Record<string, unknown>): { kid: string; publicKey: KeyObject } | undefined {
  const { kty, kid, alg, n, e } = jwk;
  if (kty !== 'RSA' || typeof kid !== 'string' || typeof n !== 'string' || typeof e !== 'string') {
    return undefined;
  }
  if (!isForSignatures(jwk) || (alg !== undefined && alg !== 'RS256')) return undefined;
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) return undefined;
  try {
    const publicKey = createPublicKey({ key: { kty, n, e }, format: 'jwk' });
    const { modulusLength = 0, publicExponent = 0n } = publicKey.asymmetricKeyDetails ?? {};
    // Under an exponent of 1 every text is its own signature.
    const strong = modulusLength >= MIN_MODULUS && publicExponent >= 3n;
    return strong ? { kid, publicKey } : undefined;
  } catch {
    return undefined;
  }
}
