import type { KeyFigures } from '../../metrics/gauges.ts';
import type { Keyring } from './keyring.ts';
import { asOf, type KeyPolicy, nextRotationAt, publishedKeys, stateOf } from './life-cycle.ts';

/** The keys in figures, as this process holds them at `clock`. */
export function keyFigures(
  keyring: Pick<Keyring, 'known' | 'canSign'>,
  policy: KeyPolicy,
  clock: Date,
): KeyFigures {
  const keys = keyring.known();
  const now = asOf(keys, clock);
  const published = { active: 0, next: 0, retiring: 0 };
  const signing: { kid: string; ageSeconds: number }[] = [];
  for (const key of publishedKeys(keys, policy, now)) {
    const state = stateOf(key, policy, now);
    if (state in published) published[state as keyof typeof published] += 1;
    if (state === 'active' && key.activatedAt) {
      signing.push({ kid: key.kid, ageSeconds: (+now - +key.activatedAt) / 1000 });
    }
  }
  const nextRotation = nextRotationAt(keys, policy);
  return { signing, published, nextRotationAt: nextRotation, canSign: keyring.canSign() };
}
