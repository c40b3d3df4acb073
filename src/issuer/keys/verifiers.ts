import { after, type Duration, earliest, latest, seconds, sum, times } from '../../kit/duration.ts';
import { emergencyTime, type KeyPolicy } from './life-cycle.ts';

/** How a kind of verifier out there handles a JWKS that it has fetched. */
export interface VerifierKind {
  readonly name: string;
  /** How long it keeps what it fetched; `max_age` obeys our Cache-Control. */
  readonly keeps: Duration | 'max_age' | 'for_ever';
  /** Whether it fetches again for a `kid` that it does not know. */
  readonly refetchesOnUnknownKid: boolean;
  /** Whether it keeps each key by itself, so that a new fetch does not drop an old key. */
  readonly perKid: boolean;
  /** How long after any fetch it fetches no more for an unknown `kid`. */
  readonly cooldown: Duration;
  /** How long a cache between it and us keeps the JWKS beyond `JWKS_MAX_AGE`. */
  readonly cdnAge: Duration;
  /** How far its clock may be from ours, its own leeway for `exp` included; null: `CLOCK_SKEW`. */
  readonly clockSkew: Duration | null;
}

const NONE = seconds(0);
const minutes = (n: number): Duration => times(60 * n, seconds(1));
const hours = (n: number): Duration => minutes(60 * n);

const kind = (
  name: string,
  keeps: VerifierKind['keeps'],
  habits: Partial<VerifierKind> = {},
): VerifierKind => ({
  name,
  keeps,
  refetchesOnUnknownKid: true,
  perKid: false,
  cooldown: NONE,
  cdnAge: NONE,
  clockSkew: null,
  ...habits,
});

const NEVER_EARLY = { refetchesOnUnknownKid: false } as const;
const PER_KID = { perKid: true } as const;

/** The verifiers that one meets, by their defaults. */
export const VERIFIER_KINDS: readonly VerifierKind[] = [
  kind('keyturn/resource-server', hours(1), { cooldown: seconds(30) }),
  kind('jose, express-oauth2-jwt-bearer', minutes(10), { cooldown: seconds(30) }),
  kind('jwks-rsa (Node)', minutes(10), PER_KID),
  // It goes on with what it has when a fetch brings no such key, for as long as it is asked.
  kind('get-jwks (fast-jwt)', 'for_ever', PER_KID),
  kind("PyJWT's PyJWKClient", minutes(5)),
  kind('PyJWT before 2.5', 'for_ever', PER_KID),
  kind('Spring / Nimbus', minutes(5)),
  kind('mod_auth_openidc', hours(1)),
  kind('Istio', minutes(20), NEVER_EARLY),
  kind('older Envoy', minutes(10), NEVER_EARLY),
  kind('go-oidc v2', 'max_age', NEVER_EARLY),
  kind('go-oidc v3, aws-jwt-verify', 'for_ever'),
  kind('jwks-rsa-java', hours(10)),
  kind('.NET', hours(12)),
  kind('Keycloak adapter', hours(24)),
];

/** Until when a kind of verifier may still trust a key that was revoked; null: for ever. */
export interface RemainingTrust {
  readonly verifier: string;
  readonly until: Date | null;
}

/**
 * Says until when each kind of verifier may still trust a key, at the worst: it fetched the JWKS
 * from a cache just before that one learnt of the revocation.
 * @param unknownKidAt when a key that no verifier has seen begins to sign; null when none will soon
 */
export const remainingTrust = (
  policy: KeyPolicy,
  revokedAt: Date,
  unknownKidAt: Date | null,
): RemainingTrust[] =>
  VERIFIER_KINDS.map((verifier) => ({
    verifier: verifier.name,
    until: trustedUntil(verifier, policy, revokedAt, unknownKidAt),
  }));

/** The same for one verifier; null: for ever. */
export function trustedUntil(
  { keeps, refetchesOnUnknownKid, perKid, cooldown, cdnAge }: VerifierKind,
  policy: KeyPolicy,
  revokedAt: Date,
  unknownKidAt: Date | null,
): Date | null {
  const lastStaleAnswer = after(revokedAt, sum(emergencyTime(policy), cdnAge));
  const kept = keeps === 'max_age' ? policy.jwksMaxAge : keeps;
  const byAge = kept === 'for_ever' ? null : after(lastStaleAnswer, kept);
  // An early fetch drops the key only once no cache on the way hands out the old JWKS any more.
  const drops = refetchesOnUnknownKid && !perKid && unknownKidAt;
  const byFetch = drops ? after(latest(drops, lastStaleAnswer), cooldown) : null;
  return byAge && byFetch ? earliest(byAge, byFetch) : (byAge ?? byFetch);
}
