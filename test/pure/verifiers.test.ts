import { describe, expect, test } from 'vitest';
import type { KeyPolicy } from '../../src/issuer/keys/life-cycle.ts';
import {
  remainingTrust,
  trustedUntil,
  VERIFIER_KINDS,
  type VerifierKind,
} from '../../src/issuer/keys/verifiers.ts';
import { after, type Duration, seconds, sum, times } from '../../src/kit/duration.ts';

const MINUTE = seconds(60);
const HOUR = times(60, MINUTE);
const POLICY: KeyPolicy = {
  accessTokenTtl: times(15, MINUTE),
  keyRotationInterval: times(720, HOUR),
  verifierCacheTtl: times(24, HOUR),
  jwksMaxAge: times(5, MINUTE),
  clockSkew: MINUTE,
  keyLease: MINUTE,
};
const REVOKED = new Date('2026-01-01T00:00:00Z');
/** KEY_LEASE + JWKS_MAX_AGE. */
const FRESH = new Date('2026-01-01T00:06:00Z');
const later = (...parts: Duration[]): Date => after(REVOKED, sum(...parts));

const kind = (habits: Partial<VerifierKind>): VerifierKind => ({
  name: 'one',
  keeps: HOUR,
  refetchesOnUnknownKid: true,
  perKid: false,
  cooldown: seconds(0),
  cdnAge: seconds(0),
  clockSkew: null,
  ...habits,
});
const trusted = (habits: Partial<VerifierKind>, unknownKidAt: Date | null = FRESH) =>
  trustedUntil(kind(habits), POLICY, REVOKED, unknownKidAt);

describe('how long a verifier trusts a revoked key', () => {
  const lastStale = sum(POLICY.keyLease, POLICY.jwksMaxAge);

  test('by its own time: from the last stale answer on', () => {
    expect(trusted({ refetchesOnUnknownKid: false })).toEqual(later(lastStale, HOUR));
    expect(trusted({}, null)).toEqual(later(lastStale, HOUR));
    expect(trusted({ perKid: true })).toEqual(later(lastStale, HOUR));
    expect(trusted({ refetchesOnUnknownKid: false, cdnAge: HOUR })).toEqual(
      later(lastStale, HOUR, HOUR),
    );
  });

  test('by our max-age, where it obeys that', () => {
    expect(trusted({ keeps: 'max_age', refetchesOnUnknownKid: false })).toEqual(
      later(lastStale, POLICY.jwksMaxAge),
    );
  });

  test('until a key that it does not know signs, and its cooldown is over', () => {
    expect(trusted({})).toEqual(FRESH);
    expect(trusted({ cooldown: MINUTE })).toEqual(after(FRESH, MINUTE));
    expect(trusted({ keeps: 'for_ever' })).toEqual(FRESH);
    expect(trusted({ keeps: 'for_ever' }, later(HOUR))).toEqual(later(HOUR));
    // Its own time may be the shorter.
    expect(trusted({ keeps: MINUTE }, later(HOUR))).toEqual(later(lastStale, MINUTE));
    // A key that signs at once is fetched from caches that do not have it yet.
    expect(trusted({}, REVOKED)).toEqual(later(lastStale));
    expect(trusted({ cdnAge: HOUR }, REVOKED)).toEqual(later(lastStale, HOUR));
  });

  test('for ever, where nothing makes it look again', () => {
    expect(trusted({ keeps: 'for_ever' }, null)).toBeNull();
    expect(trusted({ keeps: 'for_ever', perKid: true })).toBeNull();
    expect(trusted({ keeps: 'for_ever', refetchesOnUnknownKid: false })).toBeNull();
  });

  test('is told of every kind by its name', () => {
    const trust = remainingTrust(POLICY, REVOKED, FRESH);
    expect(trust.map(({ verifier }) => verifier)).toEqual(VERIFIER_KINDS.map(({ name }) => name));
    expect(new Set(VERIFIER_KINDS.map(({ name }) => name)).size).toBe(VERIFIER_KINDS.length);
    const until = Object.fromEntries(trust.map((one) => [one.verifier, one.until?.toISOString()]));
    expect(until).toMatchObject({
      'jose, express-oauth2-jwt-bearer': '2026-01-01T00:06:30.000Z',
      'jwks-rsa (Node)': '2026-01-01T00:16:00.000Z',
      'get-jwks (fast-jwt)': undefined,
      "PyJWT's PyJWKClient": '2026-01-01T00:06:00.000Z',
      'PyJWT before 2.5': undefined,
      Istio: '2026-01-01T00:26:00.000Z',
      'older Envoy': '2026-01-01T00:16:00.000Z',
      'go-oidc v2': '2026-01-01T00:11:00.000Z',
      'go-oidc v3, aws-jwt-verify': '2026-01-01T00:06:00.000Z',
    });
    // Without a key that nobody has seen: by age alone.
    const quiet = remainingTrust(POLICY, REVOKED, null);
    expect(quiet.find(({ verifier }) => verifier === '.NET')?.until).toEqual(
      later(lastStale, times(12, HOUR)),
    );
  });
});
