import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { KeyPolicy } from '../../src/issuer/keys/life-cycle.ts';
import { exposuresOf } from '../../src/issuer/keys/rehearsal/exposure.ts';
import { playPlan } from '../../src/issuer/keys/rehearsal/history.ts';
import type { RehearsalEvent, RehearsalPlan } from '../../src/issuer/keys/rehearsal/plan.ts';
import { examine } from '../../src/issuer/keys/rehearsal/verdict.ts';
import type { VerifierKind } from '../../src/issuer/keys/verifiers.ts';
import { seconds } from '../../src/kit/duration.ts';
import { type RefusedSeconds, rehearseByHand } from '../support/rehearsal-by-hand.ts';

const up = (max: number, min = 0) => fc.integer({ min, max }).map(seconds);

const policies: fc.Arbitrary<KeyPolicy> = fc
  .record({
    accessTokenTtl: up(8, 1),
    verifierCacheTtl: up(6, 1),
    jwksMaxAge: up(3),
    // Halves of it are whole seconds, which the stepping can stand on.
    clockSkew: fc.integer({ min: 0, max: 2 }).map((n) => seconds(2 * n)),
    keyLease: up(3, 1),
    spare: up(10),
  })
  .map(({ spare, ...policy }) => ({
    ...policy,
    keyRotationInterval: seconds(
      (policy.verifierCacheTtl + policy.jwksMaxAge + policy.clockSkew + policy.keyLease + spare) /
        1000,
    ),
  }));

const at = up(40);
const rotations: fc.Arbitrary<RehearsalEvent> = fc.record({
  at,
  do: fc.constant('rotate' as const),
  ifDue: fc.boolean(),
  force: fc.boolean(),
  whenSafe: fc.boolean(),
});
const stops = fc.record({ at, do: fc.constant('stop' as const), length: up(30, 1) });
const revocations = fc.record({
  at,
  do: fc.constant('revoke' as const),
  key: fc.constant('active' as const),
  immediately: fc.boolean(),
});

const inOrder = (events: fc.Arbitrary<RehearsalEvent>) =>
  fc
    .uniqueArray(events, { maxLength: 4, selector: (event) => event.at })
    .map((list) => list.sort((a, b) => a.at - b.at));

const verifiers: fc.Arbitrary<VerifierKind> = fc.record({
  name: fc.constant('a verifier'),
  keeps: fc.oneof(up(9), fc.constant('max_age' as const)),
  refetchesOnUnknownKid: fc.boolean(),
  perKid: fc.constant(false),
  cooldown: up(3),
  cdnAge: up(3),
  clockSkew: fc.option(up(6)),
});

const LENGTH = 40;
/** Whatever is refused at last is refused by then. */
const WATCHED = 80;

/** The findings of a rehearsal in the terms of the stepping. */
function rehearsed(policy: KeyPolicy, plan: RehearsalPlan, verifier: VerifierKind, clocks: Clocks) {
  const history = playPlan(plan, policy, (nth) => seconds(clocks.writer(nth)));
  const replicas = { lag: 'lease', skew: seconds(clocks.skew) } as const;
  const { refused } = examine(verifier, exposuresOf(history, replicas));
  const found: RefusedSeconds = {};
  for (const { kid, cause, presented } of refused) {
    const last = presented.until ? Math.ceil(+presented.until / 1000) - 1 : WATCHED;
    found[`${kid} ${cause}`] = [+presented.from / 1000, Math.min(last, WATCHED)];
  }
  return found;
}

interface Clocks {
  readonly skew: number;
  readonly writer: (nth: number) => number;
}

function agree(
  policy: KeyPolicy,
  events: readonly RehearsalEvent[],
  verifier: VerifierKind,
  clocks: Clocks,
) {
  const plan = { length: seconds(LENGTH), replicas: 3, events, verifiers: [verifier] };
  const scene = {
    policy,
    plan,
    writer: clocks.writer,
    clocks: [-clocks.skew, 0, clocks.skew],
    lags: Array.from({ length: policy.keyLease / 1000 + 1 }, (_, n) => n),
    watched: WATCHED,
  };
  const byHand = rehearseByHand(scene, verifier);
  expect(rehearsed(policy, plan, verifier, clocks)).toEqual(byHand);
  return byHand;
}

test('reasoning finds what stepping through every second finds, on clocks that are apart', () => {
  let refusing = 0;
  fc.assert(
    fc.property(
      policies,
      inOrder(fc.oneof(rotations, stops)),
      verifiers,
      fc.boolean(),
      (policy, events, verifier, slowFirst) => {
        const skew = policy.clockSkew / 2000;
        const writer = (nth: number) => ((nth % 2 === 0) === slowFirst ? -skew : skew);
        const found = agree(policy, events, verifier, { skew, writer });
        if (Object.keys(found).length > 0) refusing += 1;
      },
    ),
    { numRuns: 150 },
  );
  expect(refusing).toBeGreaterThan(20);
});

test('and on one clock, with revocations', () => {
  fc.assert(
    fc.property(
      policies,
      inOrder(fc.oneof(rotations, stops, revocations)),
      verifiers,
      (policy, events, verifier) => {
        agree(policy, events, verifier, { skew: 0, writer: () => 0 });
      },
    ),
    { numRuns: 150 },
  );
});
