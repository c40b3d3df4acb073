import { createVerifier } from 'fast-jwt';
import buildGetJwks from 'get-jwks';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { JwksClient } from 'jwks-rsa';
import type { Trust, Verifier } from './verifier.ts';

/** jose: a whole JWKS at a time, at most one early fetch in its cooldown of 30 seconds. */
export function withJose({ jwksUrl, issuer, audience, keeps }: Trust, cooldown?: number): Verifier {
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: keeps,
    ...(cooldown !== undefined && { cooldownDuration: cooldown }),
  });
  const options = { issuer, audience, algorithms: ['RS256'], typ: 'at+jwt' };
  return {
    name: 'jose',
    kind: 'jose, express-oauth2-jwt-bearer',
    async verify(token) {
      await jwtVerify(token, keys, options);
    },
  };
}

/** jsonwebtoken with jwks-rsa: each key by itself, a fetch for every kid that it does not hold. */
export function withJsonwebtoken({ jwksUrl, issuer, audience, keeps }: Trust): Verifier {
  const client = new JwksClient({ jwksUri: jwksUrl, cacheMaxAge: keeps });
  return {
    name: 'jsonwebtoken with jwks-rsa',
    kind: 'jwks-rsa (Node)',
    async verify(token) {
      const kid = jsonwebtoken.decode(token, { complete: true })?.header.kid;
      const key = await client.getSigningKey(kid);
      jsonwebtoken.verify(token, key.getPublicKey(), { algorithms: ['RS256'], issuer, audience });
    },
  };
}

/** fast-jwt with get-jwks: each key by itself, and the last good one where a fetch has none. */
export function withFastJwt({ jwksUrl, issuer, audience, keeps }: Trust): Verifier {
  const { origin, pathname } = new URL(jwksUrl);
  const jwks = buildGetJwks({ ttl: keeps, jwksPath: pathname });
  const verify = createVerifier({
    algorithms: ['RS256'],
    allowedIss: issuer,
    allowedAud: audience,
    key: ({ header: { kid, alg } }: { header: Record<string, string> }) =>
      jwks.getPublicKey({ kid: String(kid), alg: String(alg), domain: origin }),
  });
  return {
    name: 'fast-jwt with get-jwks',
    kind: 'get-jwks (fast-jwt)',
    async verify(token) {
      await verify(token);
    },
  };
}
