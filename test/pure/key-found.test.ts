import { expect, test } from 'vitest';
import { emergencyTime, type KeyPolicy } from '../../src/issuer/keys/life-cycle.ts';
import { after, seconds, sum } from '../../src/kit/duration.ts';
import { refusals, worstVerifiers } from '../support/key-checks.ts';
import { passAll, play, type Settings, type Step } from '../support/key-player.ts';
import { createKeyWorld, type KeyWorld, type Token } from '../support/key-world.ts';

const SHORT: KeyPolicy = {
  accessTokenTtl: seconds(1),
  verifierCacheTtl: seconds(1),
  jwksMaxAge: seconds(0),
  clockSkew: seconds(0),
  keyLease: seconds(1),
  keyRotationInterval: seconds(3600),
};
const SAME: Settings = { ttl: 100, interval: 100, cache: 100, maxAge: 100, skew: 100, lease: 100 };
const rotate = (clock = 0): Step => ({
  kind: 'command',
  command: { kind: 'rotate', ifDue: false, force: false },
  clock,
});
const dated = (nth: number, offset: number): Step => ({ kind: 'wait_for_date', nth, offset });
const configured = (changed: Partial<Settings>): Step => ({
  kind: 'configure',
  ...SAME,
  ...changed,
});
const sign: Step = { kind: 'sign', clock: -100, lag: 0, ttl: 1 };

/** Which tokens a verifier that never fetches early refuses. */
function refused(policy: KeyPolicy, steps: readonly Step[], from?: (world: KeyWorld) => FromToken) {
  const world = createKeyWorld(policy);
  const tokens = play(world, steps);
  passAll(world);
  return refusals(world, tokens, worstVerifiers({ refetches: false }), from?.(world));
}
type FromToken = (token: Token) => Date;

test('a second change of settings while the first may still be felt: both are waited for', () => {
  const policy = { ...SHORT, jwksMaxAge: seconds(3600), keyRotationInterval: seconds(3602) };
  const lowered = { ttl: 10, interval: 1, maxAge: 20 };
  const steps = [
    ...[dated(2, 1), rotate(-100), configured(lowered), configured({ ...lowered, cache: 300 })],
    ...[dated(2, 0), dated(0, 0), rotate(-100), sign],
  ];
  expect(refused(policy, steps)).toEqual([]);
});

test('CLOCK_SKEW is raised, and a slow replica signs with a key that caches saw go', () => {
  const policy = { ...SHORT, clockSkew: seconds(60), keyRotationInterval: seconds(2_592_062) };
  const rotations = Array.from({ length: 3 }, (): Step[] => [
    { kind: 'wait', unit: 'propagation', percent: 100 },
    rotate(),
  ]);
  const steps: Step[] = [
    ...rotations.flat(),
    { kind: 'command', command: { kind: 'revoke', nth: 0, immediately: false }, clock: 0 },
    ...[dated(0, -1), { kind: 'wait', unit: 'moment', percent: 1 } as const],
    ...[dated(1, 1), dated(0, -1), configured({ ttl: 10, interval: 1, skew: 1000 }), sign],
    { kind: 'command', command: { kind: 'rotate', ifDue: false, force: true }, clock: -100 },
  ];
  const everyCache = (world: KeyWorld): FromToken => {
    const greatest = world.regimes.greatest();
    const wait = sum(emergencyTime(greatest), greatest.verifierCacheTtl);
    return ({ kid }) => after(world.publishedAt(kid), wait);
  };
  expect(refused(policy, steps, everyCache)).toEqual([]);
});
