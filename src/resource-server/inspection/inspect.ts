import type { Clock } from '../../kit/clock.ts';
import { seconds } from '../../kit/duration.ts';
import { fetchDocument } from '../fetch-json.ts';
import { JwksFault } from '../jwks-fault.ts';
import { metadataUrl } from '../remote-jwks.ts';
import { checkCaching, checkClock, checkType, type InspectionPolicy } from './answer-checks.ts';
import { type Check, fail, ok } from './check.ts';
import { checkKeys } from './key-checks.ts';
import { checkHttps, checkMetadata } from './metadata-checks.ts';

/** What an inspection needs. */
export interface InspectionDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly policy: InspectionPolicy;
}

const TIMEOUT = seconds(10);

/**
 * Looks at an issuer, Keyturn or not, as the services that are to trust it will: metadata, keys,
 * headers, clock. Asks for nothing but what anybody may see.
 * @param issuer as the `iss` of its tokens has it: an http(s) URL
 */
export async function inspectIssuer(deps: InspectionDeps, issuer: string): Promise<Check[]> {
  const checks = [checkHttps('https', issuer)];
  const url = metadataUrl(issuer);
  const asked = deps.clock.now();
  const metadata = await fetched('metadata', url, checks);
  if (!metadata) return checks;
  checks.push(checkClock(metadata.headers, asked, deps.clock.now(), deps.policy));
  const { jwksUri, checks: found } = checkMetadata(issuer, metadata.document);
  checks.push(...found);
  if (jwksUri === undefined) return checks;
  const jwks = await fetched('jwks', jwksUri, checks);
  if (!jwks) return checks;
  const { headers, document } = jwks;
  return [
    ...checks,
    checkType(headers),
    checkCaching(headers, deps.policy),
    ...checkKeys(document),
  ];
}

/** A document, and that it could be had; undefined when it could not. */
async function fetched(check: 'metadata' | 'jwks', url: string, checks: Check[]) {
  try {
    const answer = await fetchDocument(url, TIMEOUT);
    checks.push(ok(check, `${url} answers JSON.`));
    return answer;
  } catch (error) {
    if (!(error instanceof JwksFault)) throw error;
    checks.push(fail(check, error.message, MENDS[error.kind] ?? ''));
    return undefined;
  }
}

const MENDS: Readonly<Record<string, string>> = {
  unreachable:
    'Open the URL on this machine with curl -i. It has to answer 200 itself, not by a redirect: ' +
    'look at DNS, firewall, proxy and certificate.',
  not_json: 'Open the URL: a proxy, a login page or another server answers in its place.',
};
