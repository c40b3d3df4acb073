import type { Duration } from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import {
  asOf,
  type KeyPolicy,
  publishedKeys,
  type SigningKey,
  stateOf,
  waitingKey,
} from '../life-cycle.ts';
import type { Decision } from '../machine.ts';
import type { RevokedRole } from './plan.ts';

type Keys = readonly SigningKey[];

/** Carries out a decision as the store does; new keys are named A, B, C and so on. */
export function commit(
  keys: Keys,
  { redate, publish }: Extract<Decision, { kind: 'change' }>,
  policy: KeyPolicy,
  clock: Date,
): SigningKey[] {
  const redated = keys.map((key) => {
    const dates = redate.find(({ kid }) => kid === key.kid);
    return dates ? { ...key, ...dates } : key;
  });
  const made = publish.map(({ activatedAt }, n) => ({
    kid: letters(keys.length + n) as Kid,
    publishedAt: clock,
    activatedAt,
    retiredAt: null,
    revokedAt: null,
    maxTokenTtl: policy.accessTokenTtl,
  }));
  return [...redated, ...made];
}

/** A to Z, then AA, AB and so on. */
export const letters = (n: number): string =>
  (n >= 26 ? letters(Math.floor(n / 26) - 1) : '') + String.fromCharCode(65 + (n % 26));

/** As a process does before it signs for longer than the table knows of. */
export const raiseTokenTtl = (keys: Keys, ttl: Duration, clock: Date): SigningKey[] =>
  keys.map((key) =>
    key.maxTokenTtl < ttl && !key.revokedAt && (!key.retiredAt || key.retiredAt > clock)
      ? { ...key, maxTokenTtl: ttl }
      : key,
  );

/** The kids that a revocation means: the key that waits without a date comes first among `next`. */
export function kidsInRole(
  { keys, policy }: { readonly keys: Keys; readonly policy: KeyPolicy },
  role: RevokedRole,
  clock: Date,
): Kid[] {
  const published = publishedKeys(keys, policy, clock);
  if (role === 'all') return published.map(({ kid }) => kid);
  const at = asOf(keys, clock);
  const inRole = published.filter((key) => stateOf(key, policy, at) === role);
  const chosen = (role === 'next' && waitingKey(inRole)) || inRole[0];
  return chosen ? [chosen.kid] : [];
}
