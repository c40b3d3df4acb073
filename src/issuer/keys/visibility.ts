import {
  type Duration,
  elapsed,
  milliseconds,
  seconds,
  spellDuration,
} from '../../kit/duration.ts';
import type { PublicJwk } from './key-pair.ts';
import {
  asOf,
  emergencyTime,
  goneAt,
  type KeyPolicy,
  publishedKeys,
  type SigningKey,
  stateOf,
} from './life-cycle.ts';

/** A key of the database, whatever its state, with what verifiers should see of it. */
export interface KnownKey extends SigningKey {
  readonly publicJwk: PublicJwk;
}

/** A key as the world sees it. */
export type SeenKey = Pick<PublicJwk, 'n' | 'e'> & { readonly kid: string };

/** What came back when the JWKS was fetched like a verifier does. */
export type Sight =
  | {
      /** Nothing did, or what did is no JWK Set. */
      readonly kind: 'nothing';
      readonly code: 'unreachable' | 'not_json';
      readonly reason: string;
    }
  | {
      readonly kind: 'jwks';
      /** Without parameters, in lower case. */
      readonly contentType: string;
      /** How long it had been in a cache (RFC 9111 `Age`). */
      readonly age: Duration;
      /** How long it may be kept; undefined when it does not say. */
      readonly maxAge: Duration | undefined;
      readonly keys: readonly SeenKey[];
    };

/** What may be wrong with what the world sees. */
export type FaultCode =
  | 'unreachable'
  | 'not_json'
  | 'wrong_content_type'
  | 'active_missing'
  | 'next_missing'
  | 'retiring_missing'
  | 'stale_keys'
  | 'unknown_keys'
  | 'stale_answer'
  | 'cached_too_long'
  | 'canary_refused';

/** Something wrong with what the world sees, and how to mend it. */
export interface VisibilityFault {
  readonly code: FaultCode;
  readonly detail: string;
}

/** What is judged. */
export interface Look {
  readonly url: string;
  /** Every key of the database, read after the sight. */
  readonly keys: readonly KnownKey[];
  readonly sight: Sight;
  /** The kids of keys that are seen, but do not verify what they should. */
  readonly refusedCanaries: readonly string[];
}

/** What to think of what the world sees. */
export interface Judgement {
  readonly faults: readonly VisibilityFault[];
  /** How long ago the JWKS ceased to look like this: 0 while it does, null when it never did. */
  readonly staleFor: Duration | null;
}

/**
 * Compares what the world sees with what is published at `now`. A replica may lag by KEY_LEASE and
 * a cache by JWKS_MAX_AGE: what differs for no longer than the two together is no fault.
 */
export function judge(look: Look, policy: KeyPolicy, now: Date): Judgement {
  const { url, keys, sight } = look;
  if (sight.kind === 'nothing') {
    return {
      faults: [{ code: sight.code, detail: describeNothing(url, sight) }],
      staleFor: null,
    };
  }
  const at = asOf(keys, now);
  const patience = emergencyTime(policy);
  const faults: VisibilityFault[] = [];
  const fault = (code: FaultCode, detail: string) => faults.push({ code, detail });

  for (const key of publishedKeys(keys, policy, at)) {
    const unseenFor = elapsed(key.publishedAt, at);
    if (sees(sight, key) || unseenFor <= patience) continue;
    const state = stateOf(key, policy, at) as 'active' | 'next' | 'retiring';
    fault(
      `${state}_missing`,
      `The ${state} key ${key.kid}, published ${spellDuration(unseenFor)} ago, is not in ${url}: ` +
        `verifiers refuse what it ${VERB[state]}. ${PURGE}`,
    );
  }
  const known = new Map(keys.map((key) => [key.kid as string, key]));
  const kids = sight.keys.map(({ kid }) => kid);
  const stale = kids.filter((kid) => goneFor(known.get(kid), policy, at) > patience);
  if (stale.length > 0) {
    fault('stale_keys', `${url} still shows what is gone: ${stale.join(', ')}. ${PURGE}`);
  }
  const unknown = kids.filter((kid) => !known.has(kid));
  if (unknown.length > 0) {
    fault(
      'unknown_keys',
      `${url} shows keys that this database does not hold: ${unknown.join(', ')}. See that ` +
        'ISSUER_URL leads here, and that every replica is on the same database.',
    );
  }
  for (const kid of look.refusedCanaries) {
    fault('canary_refused', `What ${kid} signs does not verify with ${url}. ${PURGE}`);
  }
  if (!JSON_TYPES.includes(sight.contentType)) {
    fault(
      'wrong_content_type',
      `${url} comes as ${sight.contentType || 'no content type'}, which some verifiers refuse: ` +
        'let the proxy leave application/jwk-set+json as it is.',
    );
  }
  if (sight.age > patience) {
    fault(
      'stale_answer',
      `${url} was ${spellDuration(sight.age)} old when it came (JWKS_MAX_AGE is ` +
        `${spellDuration(policy.jwksMaxAge)}): let the cache before it obey Cache-Control.`,
    );
  }
  if (sight.maxAge !== undefined && sight.maxAge > policy.jwksMaxAge) {
    fault(
      'cached_too_long',
      `${url} may be kept for ${spellDuration(sight.maxAge)}: let the proxy leave Cache-Control ` +
        `as it is, or set JWKS_MAX_AGE (now ${spellDuration(policy.jwksMaxAge)}) to that.`,
    );
  }
  return { faults, staleFor: staleness(kids, keys, policy, at) };
}

/** Whether the world sees this very key. */
export const sees = (sight: Sight & { kind: 'jwks' }, { publicJwk }: KnownKey): boolean =>
  sight.keys.some(
    ({ kid, n, e }) => kid === publicJwk.kid && n === publicJwk.n && e === publicJwk.e,
  );

const JSON_TYPES = ['application/jwk-set+json', 'application/json'];
const VERB = { active: 'signs', next: 'will sign', retiring: 'signed' };
const PURGE = 'Purge the caches before Keyturn, and see that every replica can read the database.';

function describeNothing(url: string, { code, reason }: Sight & { kind: 'nothing' }): string {
  const mend = {
    unreachable:
      'See that ISSUER_URL, DNS and the proxy lead here and that the certificate is trusted ' +
      '(NODE_EXTRA_CA_CERTS), or set SELF_CHECK=off where this machine has no way to it.',
    not_json: 'See that ISSUER_URL leads here and that no proxy answers in its place.',
  };
  return `${url} ${reason}. ${mend[code]}`;
}

/** How long a key has been gone; nothing for one that is published or not known at all. */
function goneFor(key: SigningKey | undefined, policy: KeyPolicy, now: Date): Duration {
  const gone = key && goneAt(key, policy);
  return gone ? elapsed(gone, now) : seconds(0);
}

/** Goes back from change to change until the JWKS had these very keys. */
function staleness(
  kids: readonly string[],
  keys: readonly SigningKey[],
  policy: KeyPolicy,
  now: Date,
): Duration | null {
  const wanted = [...new Set(kids)].sort().join();
  const changes = keys
    .flatMap((key) => [key.publishedAt, goneAt(key, policy)])
    .filter((date) => date !== null && date <= now)
    .map(Number)
    .sort((a, b) => b - a);
  let end = now.getTime();
  for (const change of changes) {
    const shown = keys.filter((key) => {
      const gone = goneAt(key, policy);
      return +key.publishedAt <= change && !(gone && +gone <= change);
    });
    const was = shown.map(({ kid }) => kid as string).sort();
    if (was.join() === wanted) return milliseconds(now.getTime() - end);
    end = change;
  }
  return null;
}
