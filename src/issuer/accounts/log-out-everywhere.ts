import type { Clock } from '../../kit/clock.ts';
import type { UserId } from '../../kit/id.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { endSessionsOf } from '../sessions/end-store.ts';
import { holdUser } from '../users/change-store.ts';

/**
 * Ends every session of a user. The user's row first, so that the session of a login in flight
 * either is there to be ended or begins after this.
 */
export async function logOutEverywhere(
  deps: RecordingDeps & { readonly clock: Pick<Clock, 'now'> },
  userId: UserId,
  origin: RequestOrigin,
): Promise<void> {
  await recording(deps, async (tx, record) => {
    await holdUser(tx, userId);
    await endSessionsOf(tx, userId, { reason: 'logged_out_everywhere', now: deps.clock.now() });
    record({ event: 'logged_out_everywhere', userId, origin });
  });
}
