import { after, type Duration, latest, sum, times } from '../../kit/duration.ts';
import type { Kid } from '../../kit/id.ts';

/** What the machine knows of a signing key: when each thing happened to it, or will. */
export interface SigningKey {
  readonly kid: Kid;
  readonly publishedAt: Date;
  /** When it begins to sign; null while no date is set. */
  readonly activatedAt: Date | null;
  /** When it ceases to sign; null while no date is set. */
  readonly retiredAt: Date | null;
  readonly revokedAt: Date | null;
  /** The longest lifetime of any token that it signed or may have signed. */
  readonly maxTokenTtl: Duration;
}

/** The times that rotation obeys. */
export interface KeyPolicy {
  readonly accessTokenTtl: Duration;
  readonly keyRotationInterval: Duration;
  readonly verifierCacheTtl: Duration;
  readonly jwksMaxAge: Duration;
  readonly clockSkew: Duration;
  readonly keyLease: Duration;
}

/** `next` is published and waits, `active` signs, `retiring` is still published, `gone` is not. */
export type KeyState = 'next' | 'active' | 'retiring' | 'gone' | 'revoked';

/** A popular verifier keeps five keys and forgets the rest. */
export const MAX_PUBLISHED_KEYS = 5;

/** How long a key must have been published before it signs: until no verifier can lack it. */
export const propagationTime = (policy: KeyPolicy): Duration =>
  sum(policy.verifierCacheTtl, policy.jwksMaxAge, policy.clockSkew, policy.keyLease);

/** How long after a revocation a key that nobody has seen may sign: every replica and cache has it. */
export const emergencyTime = (policy: KeyPolicy): Duration =>
  sum(policy.keyLease, policy.jwksMaxAge);

/** When a key with a date of retirement leaves the JWKS; null while it has none. */
export function goneAt(key: SigningKey, policy: KeyPolicy): Date | null {
  if (key.revokedAt) return key.revokedAt;
  if (!key.retiredAt) return null;
  return after(key.retiredAt, sum(policy.keyLease, key.maxTokenTtl, times(2, policy.clockSkew)));
}

/** A key's state at `now`, by its times alone; see `asOf` for which moment that is. */
export function stateOf(key: SigningKey, policy: KeyPolicy, now: Date): KeyState {
  if (key.revokedAt && key.revokedAt <= now) return 'revoked';
  if (!key.activatedAt || key.activatedAt > now) return 'next';
  if (!key.retiredAt || key.retiredAt > now) return 'active';
  const gone = goneAt(key, policy);
  return gone && gone <= now ? 'gone' : 'retiring';
}

/**
 * The moment to judge these keys at: what is recorded has happened, even for a clock that is a
 * little behind the one which recorded it.
 */
export const asOf = (keys: readonly SigningKey[], now: Date): Date =>
  keys.reduce((at, key) => latest(latest(at, key.publishedAt), key.revokedAt ?? at), now);

/** The key that signs at `now`. */
export function activeKey<K extends SigningKey>(
  keys: readonly K[],
  policy: KeyPolicy,
  now: Date,
): K | undefined {
  const at = asOf(keys, now);
  return keys.find((key) => stateOf(key, policy, at) === 'active');
}

const ORDER: readonly KeyState[] = ['active', 'next', 'retiring'];

/**
 * The keys of the JWKS at `now`: the active one, those to come, those that retire. Where settings
 * that were raised would bring back keys that are gone, only as many as are no sixth.
 */
export function publishedKeys<K extends SigningKey>(
  keys: readonly K[],
  policy: KeyPolicy,
  now: Date,
): K[] {
  const at = asOf(keys, now);
  return keys
    .map((key) => {
      const state = stateOf(key, policy, at);
      const leaves = state === 'retiring' && goneAt(key, policy);
      return { key, place: ORDER.indexOf(state), date: leaves || key.publishedAt };
    })
    .filter(({ place }) => place >= 0)
    .sort((a, b) => a.place - b.place || +b.date - +a.date)
    .slice(0, MAX_PUBLISHED_KEYS)
    .map(({ key }) => key);
}

/** The waiting key without a date, which the next rotation will activate. */
export const waitingKey = <K extends SigningKey>(keys: readonly K[]): K | undefined =>
  keys.find((key) => !key.activatedAt && !key.revokedAt);

/** The key that signs until further notice: the active one, or the one with a date to follow it. */
export const openKey = <K extends SigningKey>(keys: readonly K[]): K | undefined =>
  keys.find((key) => key.activatedAt && !key.retiredAt && !key.revokedAt);

/** When the planned rotation is next due and allowed; null when there is nothing to rotate to. */
export function nextRotationAt(keys: readonly SigningKey[], policy: KeyPolicy): Date | null {
  const open = openKey(keys);
  const next = waitingKey(keys);
  if (!open?.activatedAt || !next) return null;
  return latest(
    after(open.activatedAt, policy.keyRotationInterval),
    after(next.publishedAt, propagationTime(policy)),
  );
}
