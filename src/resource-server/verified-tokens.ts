import * as crypto from 'node:crypto';
import type { AccessTokenClaims } from '../jwt/claims.ts';

/** Tokens that were verified before, so that a client's next request costs a digest alone. */
export interface VerifiedTokens {
  /** The claims of a token seen before that is still good at `now`. */
  find(token: string, now: Date): AccessTokenClaims | undefined;
  add(token: string, by: SigningKey, claims: AccessTokenClaims): void;
}

/** What verified a token. */
export interface SigningKey {
  readonly kid: string;
  readonly key: crypto.KeyObject;
}

interface Entry {
  readonly by: SigningKey;
  readonly claims: AccessTokenClaims;
}

/** `hash` takes half the time of the other; Node.js before 20.12 does not have it. */
const digestOf: (token: string) => string =
  typeof crypto.hash === 'function'
    ? (token) => crypto.hash('sha256', token, 'base64')
    : (token) => crypto.createHash('sha256').update(token).digest('base64');

/**
 * Makes a cache of at most `size` tokens; the one that was added first makes room.
 * @param isPublished whether a key may still be trusted: when it leaves the JWKS, so do its tokens
 */
export function createVerifiedTokens(
  size: number,
  isPublished: (by: SigningKey) => boolean,
): VerifiedTokens {
  const entries = new Map<string, Entry>();
  return {
    find(token, now) {
      const digest = digestOf(token);
      const entry = entries.get(digest);
      if (!entry) return undefined;
      if (entry.claims.exp * 1000 > now.getTime() && isPublished(entry.by)) return entry.claims;
      entries.delete(digest);
      return undefined;
    },
    add(token, by, claims) {
      if (entries.size >= size) {
        const oldest = entries.keys().next();
        if (!oldest.done) entries.delete(oldest.value);
      }
      entries.set(digestOf(token), { by, claims });
    },
  };
}
