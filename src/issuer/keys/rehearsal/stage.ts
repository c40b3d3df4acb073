import { type Duration, milliseconds } from '../../../kit/duration.ts';
import type { KeyPolicy } from '../life-cycle.ts';
import type { VerifierKind } from '../verifiers.ts';
import { type Exposure, exposuresOf, type Replicas } from './exposure.ts';
import { type History, playPlan, RIGHT, type Writer } from './history.ts';
import type { RehearsalPlan } from './plan.ts';
import { examine, type Findings, merge } from './verdict.ts';

/** A plan played out: with right clocks to be told, with every awkward one to be judged. */
export interface Stage {
  readonly history: History;
  readonly exposures: readonly (readonly Exposure[])[];
}

/** Plays a plan on every set of clocks that matters. */
export function setStage(policy: KeyPolicy, plan: RehearsalPlan): Stage {
  const history = playPlan(plan, policy, RIGHT);
  const alone = plan.replicas === 1;
  // A handover after a revocation is dated, and holds by the one clock that all replicas go by.
  const oneClock = alone || plan.events.some((event) => event.do === 'revoke');
  const lag = alone ? 'none' : 'lease';
  const skew = milliseconds(oneClock ? 0 : Math.floor(policy.clockSkew / 2));
  const replicas: Replicas = { lag, skew };
  if (skew === 0) return { history, exposures: [exposuresOf(history, replicas)] };
  const exposures = apart(skew).map((writer) =>
    exposuresOf(playPlan(plan, policy, writer), replicas),
  );
  return { history, exposures };
}

/** A slow clock publishes what a fast one activates too early; either may come first. */
const apart = (skew: Duration): Writer[] => {
  const fast = skew;
  const slow = milliseconds(-skew);
  return [(nth) => (nth % 2 === 0 ? slow : fast), (nth) => (nth % 2 === 0 ? fast : slow)];
};

/** What a verifier may refuse on this stage. */
export function judge({ exposures }: Stage, verifier: VerifierKind): Findings {
  const findings = exposures.map((seen) => examine(verifier, seen));
  return {
    refused: merge(findings.flatMap(({ refused }) => refused)),
    leaning: merge(findings.flatMap(({ leaning }) => leaning)),
  };
}
