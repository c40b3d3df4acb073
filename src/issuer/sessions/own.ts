import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { isUuid, type SessionId, type UserId } from '../../kit/id.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import { endSessionOf } from './end-store.ts';

/** What ending one's own sessions needs. */
export interface OwnSessionsDeps extends RecordingDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Ends a live session of a user, named by its id. @returns whether there was one */
export async function endOwnSession(
  deps: OwnSessionsDeps,
  userId: UserId,
  text: string,
  origin: RequestOrigin,
): Promise<boolean> {
  const sessionId = text.toLowerCase() as SessionId;
  if (!isUuid(sessionId)) return false;
  const ending = { reason: 'ended_by_user', now: deps.clock.now() } as const;
  return recording(deps, async (tx, record) => {
    const ended = await endSessionOf(tx, userId, sessionId, ending);
    if (ended) record({ event: 'session_ended', userId, sessionId, origin });
    return ended;
  });
}
