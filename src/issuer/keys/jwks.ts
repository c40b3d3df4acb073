import { createHash } from 'node:crypto';
import type { PublicJwk } from './key-pair.ts';

/** A JWK Set (RFC 7517) ready to be sent. */
export interface JwksDocument {
  readonly body: Buffer;
  /** A strong entity tag of the body, quoted. */
  readonly etag: string;
}

/** Renders public keys as the JWKS; nothing but the six public members of each gets in. */
export function renderJwks(keys: readonly PublicJwk[]): JwksDocument {
  const body = Buffer.from(
    JSON.stringify({
      keys: keys.map(({ kty, use, kid, alg, n, e }) => ({ kty, use, kid, alg, n, e })),
    }),
  );
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}
