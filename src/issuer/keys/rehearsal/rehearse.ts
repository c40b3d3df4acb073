import type { Duration } from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import type { KeyPolicy } from '../life-cycle.ts';
import { trustedUntil, type VerifierKind } from '../verifiers.ts';
import type { History, Revocation } from './history.ts';
import { createRerun, findMend, type Mend } from './mend.ts';
import type { RehearsalPlan } from './plan.ts';
import { judge, setStage } from './stage.ts';
import type { RefusedTokens } from './verdict.ts';

/**
 * `never_wrong`: refuses no honest token. `early_fetch`: neither, as long as its fetches for
 * unknown kids get through. `rejects`: refuses some.
 */
export type VerdictKind = 'never_wrong' | 'early_fetch' | 'rejects';

/** What came of one verifier. */
export interface VerifierVerdict {
  readonly verifier: VerifierKind;
  readonly verdict: VerdictKind;
  /** What it refuses; for `early_fetch`, what it would refuse. */
  readonly tokens: readonly RefusedTokens[];
  /** Rehearsed again with it, nothing of this is left; null where nothing mends it. */
  readonly mend: Mend | null;
}

/** Until when verifiers may still trust a key that was revoked; null: for ever. */
export interface RemainingTrustOf {
  readonly kid: Kid;
  readonly revocation: Revocation;
  readonly stillTrustedBy: readonly { readonly verifier: string; readonly until: Date | null }[];
}

/** All that a rehearsal has to say. */
export interface Rehearsal {
  readonly policy: KeyPolicy;
  readonly length: Duration;
  readonly history: History;
  readonly verifiers: readonly VerifierVerdict[];
  readonly trust: readonly RemainingTrustOf[];
  /** Whether no verifier refuses an honest token. */
  readonly honest: boolean;
}

/**
 * Rehearses a plan under settings: the machine in virtual time, against every verifier at its most
 * awkward. Pure, and the same each time.
 */
export function rehearse(policy: KeyPolicy, plan: RehearsalPlan): Rehearsal {
  const stage = setStage(policy, plan);
  const context = { policy, plan, rerun: createRerun(policy, plan) };
  const verifiers = plan.verifiers.map((verifier): VerifierVerdict => {
    const { refused, leaning } = judge(stage, verifier);
    if (refused.length > 0) {
      const mend = findMend('refused', refused, verifier, context);
      return { verifier, verdict: 'rejects', tokens: refused, mend };
    }
    if (leaning.length === 0) return { verifier, verdict: 'never_wrong', tokens: [], mend: null };
    const mend = findMend('leaning', leaning, verifier, context);
    return { verifier, verdict: 'early_fetch', tokens: leaning, mend };
  });
  return {
    policy,
    length: plan.length,
    history: stage.history,
    verifiers,
    trust: stage.history.revocations.map((revocation) => trustOf(revocation, plan)),
    honest: verifiers.every(({ verdict }) => verdict !== 'rejects'),
  };
}

const trustOf = (revocation: Revocation, { verifiers }: RehearsalPlan): RemainingTrustOf => ({
  kid: revocation.kid,
  revocation,
  stillTrustedBy: verifiers.map((verifier) => ({
    verifier: verifier.name,
    until: trustedUntil(verifier, revocation.policy, revocation.at, revocation.unknownKidAt),
  })),
});
