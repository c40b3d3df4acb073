import { type Duration, seconds, times } from '../../../kit/duration.ts';
import type { KeyPolicy } from '../life-cycle.ts';
import { VERIFIER_KINDS, type VerifierKind } from '../verifiers.ts';

/** Where a rehearsal's time begins; every instant in it is shown by its distance from here. */
export const START = new Date(0);

/** Which key a revocation is about, by what it does at that moment. */
export type RevokedRole = 'active' | 'next' | 'retiring' | 'all';

/** Something that is done in the course of a rehearsal, `at` so long after its start. */
export type RehearsalEvent =
  | {
      readonly at: Duration;
      readonly do: 'rotate';
      readonly ifDue: boolean;
      readonly force: boolean;
      /** Whether it is tried again as soon as it is allowed. */
      readonly whenSafe: boolean;
    }
  | {
      readonly at: Duration;
      readonly do: 'revoke';
      readonly key: RevokedRole;
      readonly immediately: boolean;
    }
  /** Nothing turns keys for so long; what is published stays published. */
  | { readonly at: Duration; readonly do: 'stop'; readonly length: Duration }
  | { readonly at: Duration; readonly do: 'settings'; readonly settings: Partial<KeyPolicy> };

/** What is rehearsed. */
export interface RehearsalPlan {
  readonly length: Duration;
  /** Processes of the issuer: one never lags behind itself, any more behave alike. */
  readonly replicas: number;
  /** In any order; planned rotations happen by themselves. */
  readonly events: readonly RehearsalEvent[];
  readonly verifiers: readonly VerifierKind[];
}

/** The most rotations that a rehearsal may hold. */
export const MOST_ROTATIONS = 250;

const DAY = times(86_400, seconds(1));

const ROTATE_WHEN_SAFE: RehearsalEvent = {
  at: seconds(0),
  do: 'rotate',
  ifDue: false,
  force: false,
  whenSafe: true,
};

/**
 * Rotations by hand at the first moments that the settings allow. Everybody has the first two keys
 * from the start: the second rotation is the earliest that may come too early for anybody.
 */
export const EARLIEST_ROTATIONS: readonly RehearsalEvent[] = [ROTATE_WHEN_SAFE, ROTATE_WHEN_SAFE];

/**
 * What is rehearsed without a plan: 90 days of rotations as they are due, after two by hand as early
 * as the settings allow; three intervals when they are longer, and a hundred when they are shorter.
 */
export const defaultPlan = (policy: KeyPolicy): RehearsalPlan => ({
  length: Math.max(
    Math.min(times(90, DAY), times(100, policy.keyRotationInterval)),
    times(3, policy.keyRotationInterval),
  ) as Duration,
  replicas: 3,
  events: EARLIEST_ROTATIONS,
  verifiers: VERIFIER_KINDS,
});
