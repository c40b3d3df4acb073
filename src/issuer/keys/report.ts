import {
  asOf,
  goneAt,
  type KeyPolicy,
  type KeyState,
  nextRotationAt,
  openKey,
  publishedKeys,
  stateOf,
  waitingKey,
} from './life-cycle.ts';
import type { StoredKey } from './store.ts';

/** One key in a report. */
export interface ReportedKey {
  readonly kid: string;
  readonly state: KeyState;
  readonly bits: number;
  readonly published_at: Date;
  readonly activated_at: Date | null;
  readonly retired_at: Date | null;
  readonly gone_at: Date | null;
  readonly revoked_at: Date | null;
}

/** What every `keys` command answers. */
export interface KeyReport {
  readonly changed: boolean;
  readonly active: string | null;
  /** The key that signs after the active one. */
  readonly next: string | null;
  readonly retiring: readonly string[];
  readonly next_rotation_at: Date | null;
  /** Published keys first, then those that are gone, the latest first. */
  readonly keys: readonly ReportedKey[];
}

/** When a key began and ceased to sign, or will. What a revocation has forestalled is no date. */
function signingTimes({ activatedAt, retiredAt, revokedAt }: StoredKey) {
  if (!revokedAt) return { activated_at: activatedAt, retired_at: retiredAt };
  if (!activatedAt || activatedAt > revokedAt) return { activated_at: null, retired_at: null };
  const stopped = retiredAt && retiredAt < revokedAt ? retiredAt : revokedAt;
  return { activated_at: activatedAt, retired_at: stopped };
}

/** Describes the keys at the instant `clock`. */
export function reportKeys(
  keys: readonly StoredKey[],
  policy: KeyPolicy,
  clock: Date,
  changed: boolean,
): KeyReport {
  const now = asOf(keys, clock);
  const published = publishedKeys(keys, policy, now);
  const others = keys.filter((key) => !published.includes(key)).toReversed();
  const inState = (state: KeyState) =>
    published.filter((key) => stateOf(key, policy, now) === state).map(({ kid }) => kid);
  const dated = openKey(keys);
  const next = dated && stateOf(dated, policy, now) === 'next' ? dated : waitingKey(keys);
  return {
    changed,
    active: inState('active')[0] ?? null,
    next: next?.kid ?? null,
    retiring: inState('retiring'),
    next_rotation_at: nextRotationAt(keys, policy),
    keys: [...published, ...others].map((key) => ({
      kid: key.kid,
      state: stateOf(key, policy, now),
      bits: key.bits,
      published_at: key.publishedAt,
      ...signingTimes(key),
      gone_at: goneAt(key, policy),
      revoked_at: key.revokedAt,
    })),
  };
}
