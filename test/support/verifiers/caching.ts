import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import type { Trust, Verifier } from './verifier.ts';

/**
 * The least helpful verifier that `VERIFIER_CACHE_TTL` allows: it never fetches before its time is
 * over, whatever it is shown, and keeps nothing beyond it.
 */
export function cachingVerifier({ jwksUrl, issuer, audience, keeps }: Trust): Verifier {
  let keys = fetching(jwksUrl);
  let until = 0;
  return {
    name: `a verifier that never looks early, of ${jwksUrl}`,
    async verify(token) {
      const now = performance.now();
      if (now >= until) {
        until = now + keeps;
        keys = fetching(jwksUrl);
      }
      const [header = '', payload = '', signature = ''] = token.split('.');
      const { kid } = read(header);
      const key = (await keys).get(String(kid));
      if (!key) throw new Error(`unknown kid ${kid}`);
      const good = verify(
        'sha256',
        Buffer.from(`${header}.${payload}`),
        key,
        Buffer.from(signature, 'base64url'),
      );
      if (!good) throw new Error('bad signature');
      const { iss, aud, exp } = read(payload);
      if (iss !== issuer || aud !== audience) throw new Error('not for us');
      if (Number(exp) * 1000 <= Date.now()) throw new Error('expired');
    },
  };
}

const read = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString());

async function fetching(url: string): Promise<Map<string, KeyObject>> {
  const response = await fetch(url);
  const { keys } = (await response.json()) as { keys: (JsonWebKey & { kid: string })[] };
  return new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
}
