import { type Duration, elapsed } from '../../kit/duration.ts';

/** What the machine knows of a session; hashes are opaque texts here. */
export interface SessionState {
  /** Raised by each rotation and each recovery. */
  readonly generation: number;
  readonly currentHash: string;
  readonly previousHash: string | null;
  readonly rotatedAt: Date;
  /** Whether the current token replaced one that was voided. */
  readonly recovered: boolean;
  /** When the current token expires. */
  readonly expiresAt: Date;
  /** When the previous token would have expired. */
  readonly previousExpiresAt: Date | null;
  readonly endedAt: Date | null;
}

/** An authentic refresh token that was presented. */
export interface PresentedToken {
  readonly generation: number;
  readonly hash: string;
}

/** How the token came: a cookie is shared by tabs and rotates at most once a window. */
export type Delivery = 'body' | 'cookie';

/**
 * What a presented token is to its session:
 * - `over`: the session has ended or expired; nothing more happens
 * - `current`: the token to rotate
 * - `fresh`: a cookie's current token, too young to be rotated again: the same one is answered
 * - `replayable`: just consumed, its successor unused: the same successor is answered
 * - `recoverable`: consumed a while ago, its successor unused: once, that one is replaced
 * - `expired`: as before, but its own life is over; nothing happens
 * - `ahead`: this row never issued it: the database has lost commits, the client is honest
 * - `stolen`: consumed, and its successor used or replaced: two parties hold the line
 */
export type Verdict =
  | 'over'
  | 'current'
  | 'fresh'
  | 'replayable'
  | 'recoverable'
  | 'expired'
  | 'ahead'
  | 'stolen';

/** Says what a presented token is. Pure; the statements of the store act on the same conditions. */
export function judge(
  session: SessionState | undefined,
  presented: PresentedToken,
  delivery: Delivery,
  replayWindow: Duration,
  now: Date,
): Verdict {
  if (!session || session.endedAt || session.expiresAt <= now) return 'over';
  const young = elapsed(session.rotatedAt, now) < replayWindow;
  if (presented.hash === session.currentHash) {
    return delivery === 'cookie' && young ? 'fresh' : 'current';
  }
  // A generation has one token here, ever: another one of it comes from commits that were lost.
  if (presented.generation >= session.generation) return 'ahead';
  if (presented.hash !== session.previousHash) return 'stolen';
  if (young) return 'replayable';
  if (session.recovered) return 'stolen';
  const expired = session.previousExpiresAt !== null && session.previousExpiresAt <= now;
  return expired ? 'expired' : 'recoverable';
}
