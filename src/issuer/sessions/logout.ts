import type { Tx } from '../../db/database.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import type { RecordEvent, RequestOrigin } from '../audit/trail.ts';
import { endSession } from './end-store.ts';
import { type RefreshToken, readRefreshToken, type TagKey } from './refresh-token.ts';
import type { EndReason } from './store.ts';

/** Who ended a session by its token, and when. */
interface Ended {
  readonly origin: RequestOrigin;
  readonly now: Date;
}

/**
 * Ends the session of a refresh token, consumed or expired though it may be; a text that is no
 * authentic token ends nothing, and does not reach the database.
 */
export async function logOut(
  deps: RecordingDeps & { readonly tagKey: TagKey },
  text: string,
  ended: Ended,
): Promise<void> {
  const token = readRefreshToken(text, deps.tagKey);
  if (!token) return;
  await recording(deps, (tx, record) => end(tx, record, token, 'logged_out', ended));
}

/** As `logOut`, in the transaction of the login that takes the token's place. */
export async function replaceSession(
  tx: Tx,
  deps: { readonly tagKey: TagKey; readonly record: RecordEvent },
  text: string,
  ended: Ended,
): Promise<void> {
  const token = readRefreshToken(text, deps.tagKey);
  if (token) await end(tx, deps.record, token, 'replaced', ended);
}

async function end(
  tx: Tx,
  record: RecordEvent,
  { sessionId }: RefreshToken,
  reason: EndReason & ('logged_out' | 'replaced'),
  { origin, now }: Ended,
): Promise<void> {
  const userId = await endSession(tx, sessionId, { reason, now });
  if (userId) record({ event: 'logged_out', userId, sessionId, reason, origin });
}
