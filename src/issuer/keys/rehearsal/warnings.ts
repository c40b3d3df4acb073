import { times } from '../../../kit/duration.ts';
import { type KeyPolicy, propagationTime } from '../life-cycle.ts';
import type { VerifierKind } from '../verifiers.ts';
import { EARLIEST_ROTATIONS } from './plan.ts';
import { rehearse } from './rehearse.ts';
import { complain } from './wording.ts';

/**
 * What verifiers could not bear of the times, one sentence each: a short rehearsal of rotations as
 * early as the times allow. Takes a few milliseconds at most.
 */
export const warnings = (policy: KeyPolicy, verifiers: readonly VerifierKind[]): string[] =>
  rehearse(policy, {
    length: times(2, propagationTime(policy)),
    replicas: 3,
    events: EARLIEST_ROTATIONS,
    verifiers,
  })
    .verifiers.map(complain)
    .filter((complaint) => complaint !== '');
