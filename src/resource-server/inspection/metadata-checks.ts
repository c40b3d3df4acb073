import { type Check, fail, ok, warn } from './check.ts';

/** Whether a URL leads to this machine, where http does no harm. */
function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** Whether what is fetched from a URL comes as it was sent. Pure. */
export function checkHttps(check: string, url: string): Check {
  if (url.startsWith('https:')) return ok(check, `${url} is https.`);
  if (isLoopback(url)) {
    return warn(
      check,
      `${url} is http, on this machine.`,
      'Good enough for development; serve it by https elsewhere.',
    );
  }
  return fail(
    check,
    `${url} is http: whoever is on the way can exchange the keys.`,
    'Serve it by https.',
  );
}

/** Where the keys are by the metadata, undefined when it does not say, and what was found. Pure. */
export function checkMetadata(
  issuer: string,
  document: unknown,
): { jwksUri: string | undefined; checks: Check[] } {
  const metadata = (document ?? {}) as Readonly<Record<string, unknown>>;
  const { jwks_uri: given } = metadata;
  const jwksUri = typeof given === 'string' && isHttpUrl(given) ? given : undefined;
  const checks = [checkIssuer(issuer, metadata.issuer)];
  if (jwksUri === undefined) {
    checks.push(
      fail(
        'metadata.jwks_uri',
        'The metadata names no jwks_uri that is a URL.',
        'Name it: verifiers that know the issuer alone find the keys by it (RFC 8414 section 2).',
      ),
    );
  } else {
    checks.push(checkJwksUri(issuer, jwksUri));
  }
  const algorithms = metadata.id_token_signing_alg_values_supported;
  if (Array.isArray(algorithms)) checks.push(checkAlgorithms(algorithms));
  return { jwksUri, checks };
}

const isHttpUrl = (text: string): boolean => /^https?:\/\//.test(text) && URL.canParse(text);

function checkIssuer(asked: string, said: unknown): Check {
  if (said === asked) return ok('metadata.issuer', `The metadata is that of ${asked}.`);
  return fail(
    'metadata.issuer',
    `The metadata speaks for ${JSON.stringify(said)}, not for ${JSON.stringify(asked)}.`,
    'Use the very text of the metadata as the issuer, to the last slash, or mend it at the issuer ' +
      '(Keyturn: ISSUER_URL): tokens carry it, and verifiers compare it character by character.',
  );
}

function checkJwksUri(issuer: string, jwksUri: string): Check {
  if (issuer.startsWith('https:') && !jwksUri.startsWith('https:')) {
    return fail(
      'metadata.jwks_uri',
      `The issuer is https, its jwks_uri is not: ${jwksUri}.`,
      'Serve the JWKS by https and name it so.',
    );
  }
  return ok('metadata.jwks_uri', jwksUri);
}

function checkAlgorithms(algorithms: readonly unknown[]): Check {
  const listed = algorithms.join(', ');
  if (algorithms.includes('none')) {
    return fail(
      'metadata.algorithms',
      `Tokens without a signature are offered: ${listed}.`,
      'Take "none" off the list, and pin RS256 in every verifier.',
    );
  }
  if (!algorithms.includes('RS256')) {
    return fail(
      'metadata.algorithms',
      `RS256 is not among ${listed}.`,
      'Sign with RS256; it is the one that every provider must support (OpenID Connect Discovery).',
    );
  }
  return ok('metadata.algorithms', listed);
}
