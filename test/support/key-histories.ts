import fc from 'fast-check';
import type { KeyPolicy } from '../../src/issuer/keys/life-cycle.ts';
import { seconds } from '../../src/kit/duration.ts';
import { type Command, type Step, UNITS } from './key-player.ts';
import { LONG } from './thorough.ts';

/** Settings that the configuration accepts, the small and the usual. */
export const policies: fc.Arbitrary<KeyPolicy> = fc
  .record({
    ttl: fc.constantFrom(1, 60, 900, 86_400, 5 * 86_400),
    cache: fc.constantFrom(1, 10, 3_600, 86_400),
    maxAge: fc.constantFrom(0, 1, 300, 3_600),
    skew: fc.constantFrom(0, 2, 60, 300),
    lease: fc.constantFrom(1, 4, 60, 600),
    spare: fc.constantFrom(0, 1, 600, 30 * 86_400),
  })
  .map(({ ttl, cache, maxAge, skew, lease, spare }) => ({
    accessTokenTtl: seconds(ttl),
    verifierCacheTtl: seconds(cache),
    jwksMaxAge: seconds(maxAge),
    clockSkew: seconds(skew),
    keyLease: seconds(lease),
    keyRotationInterval: seconds(cache + maxAge + skew + lease + spare),
  }));

const clock = fc.constantFrom(-100, -50, 0, 50, 100);
const wait: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('wait' as const),
    unit: fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[])),
    percent: fc.constantFrom(1, 30, 50, 99, 100, 101, 250),
  }),
  fc.record({
    kind: fc.constant('wait_for_date' as const),
    nth: fc.nat(4),
    offset: fc.constantFrom(-1, 0, 1),
  }),
);
const sign: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('sign' as const),
  clock,
  lag: fc.constantFrom(0, 25, 99, 100),
  ttl: fc.constantFrom(1, 50, 100),
});
const changed = fc.constantFrom(100, 100, 20, 50, 300, 1000);
const configure: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('configure' as const),
  ttl: fc.constantFrom(10, 100, 300),
  interval: fc.constantFrom(1, 100, 150),
  cache: changed,
  maxAge: changed,
  skew: changed,
  lease: changed,
});
const planned: fc.Arbitrary<Command> = fc.oneof(
  fc.constant<Command>({ kind: 'tick' }),
  fc.boolean().map((ifDue): Command => ({ kind: 'rotate', ifDue, force: false })),
);
const emergencies: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: planned },
  { weight: 4, arbitrary: fc.constant<Command>({ kind: 'rotate', ifDue: false, force: true }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('revoke' as const),
      nth: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7),
      immediately: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Command>({ kind: 'revoke_all' }) },
);

/** As many rotations as there may be before five keys are published, each as soon as it is safe. */
const crowd: readonly Step[] = Array.from({ length: 3 }, (): Step[] => [
  { kind: 'wait', unit: 'propagation', percent: 100 },
  { kind: 'command', command: { kind: 'rotate', ifDue: false, force: false }, clock: 0 },
]).flat();

/** The key that signs is revoked while five are published, so that no new one can wait. */
const crowdedEmergency: readonly Step[] = [
  ...crowd,
  { kind: 'command', command: { kind: 'revoke', nth: 0, immediately: false }, clock: 0 },
];

const histories = (
  commands: fc.Arbitrary<Command>,
  ...beginnings: (readonly Step[])[]
): fc.Arbitrary<Step[]> => {
  const done = fc.record({ kind: fc.constant('command' as const), command: commands, clock });
  const died = fc.record({ kind: fc.constant('crash' as const), command: commands, clock });
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: wait },
      { weight: 6, arbitrary: done },
      { weight: 1, arbitrary: died },
      { weight: 5, arbitrary: sign },
      { weight: 1, arbitrary: configure },
    ),
    { minLength: 1, maxLength: 40, size: 'max' },
  );
  return fc
    .tuple(fc.constantFrom([], ...beginnings), steps)
    .map(([beginning, rest]) => [...beginning, ...rest]);
};

/** What happens when nothing goes wrong with a key: ticks, rotations, crashes, new settings. */
export const plannedHistories = histories(planned, crowd);

/** Everything that may happen. */
export const allHistories = histories(emergencies, crowd, crowdedEmergency);

const FEW = process.env.KEYTURN_TEST_FEW === '1';

/**
 * How many histories a property is tried on: `usual`, 100,000 where there is time, or a tenth where
 * only the branches are counted, which are slow and which named tests reach.
 */
export const tries = (usual: number): { numRuns: number } => ({
  numRuns: LONG ? 100_000 : Math.ceil(usual / (FEW ? 10 : 1)),
});
