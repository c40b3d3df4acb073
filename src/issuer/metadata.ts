import type { FastAnswer, FastRoute } from '../http/fast-route.ts';
import { type Duration, toSeconds } from '../kit/duration.ts';
import type { JwksDocument } from './keys/jwks.ts';
import type { Keyring } from './keys/keyring.ts';

/** What the open documents are made from. */
export interface MetadataDeps {
  readonly issuer: string;
  readonly jwksMaxAge: Duration;
  readonly keyring: Pick<Keyring, 'jwks'>;
}

/** The documents that every verifier may fetch: the JWKS and what points to it. */
export function openDocuments(deps: MetadataDeps): Map<string, FastRoute> {
  const metadata = {
    issuer: deps.issuer,
    jwks_uri: `${deps.issuer}/.well-known/jwks.json`,
    // Absent, these two would stand for the code and implicit flows, which are not served.
    response_types_supported: [],
    grant_types_supported: [],
  };
  // OpenID Connect Discovery section 3 demands these two of every provider.
  const openid = {
    ...metadata,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
  return new Map([
    ['/.well-known/jwks.json', jwksRoute(deps)],
    ['/.well-known/oauth-authorization-server', jsonRoute(metadata, deps.jwksMaxAge)],
    ['/.well-known/openid-configuration', jsonRoute(openid, deps.jwksMaxAge)],
  ]);
}

const cacheControl = (maxAge: Duration): string => `public, max-age=${toSeconds(maxAge)}`;

/** The JWKS from memory; the answer is made anew only when the keys change. */
function jwksRoute({ keyring, jwksMaxAge }: MetadataDeps): FastRoute {
  const headers = {
    'Content-Type': 'application/jwk-set+json',
    'Cache-Control': cacheControl(jwksMaxAge),
  };
  let document: JwksDocument | undefined;
  let answer: FastAnswer | undefined;
  return () => {
    const current = keyring.jwks();
    if (!answer || current !== document) {
      document = current;
      answer = { status: 200, headers, ...current };
    }
    return answer;
  };
}

function jsonRoute(document: object, maxAge: Duration): FastRoute {
  const answer: FastAnswer = {
    status: 200,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': cacheControl(maxAge) },
    body: Buffer.from(JSON.stringify(document)),
  };
  return () => answer;
}
