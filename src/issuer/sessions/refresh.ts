import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { after, before, type Duration } from '../../kit/duration.ts';
import { AppError, unavailableError } from '../../kit/errors.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import type { RecordEvent, RequestOrigin } from '../audit/trail.ts';
import type { Keyring } from '../keys/keyring.ts';
import { endSession } from './end-store.ts';
import { invalidRefreshToken, refreshTokenReused } from './errors.ts';
import { type Delivery, judge } from './machine.ts';
import {
  hashRefreshToken,
  newSalt,
  type RefreshToken,
  readRefreshToken,
  successorOf,
} from './refresh-token.ts';
import { countReplay } from './replay-store.ts';
import { type Recovery, recover, rotate, rotateTogether } from './rotation-store.ts';
import { findSession, type Grant, type StoredSession } from './store.ts';
import { issueTokens, type TokenDeps, type Tokens } from './tokens.ts';

/** What a refresh needs. */
export interface RefreshDeps extends TokenDeps, RecordingDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly clock: Clock;
  readonly keyring: Pick<Keyring, 'sign' | 'requireSigner'>;
  readonly refreshTokenTtl: Duration;
  readonly refreshReplayWindow: Duration;
  readonly record: RecordEvent;
  /** Told what became of a presented token where that is no event. */
  readonly onRefresh: (result: UneventfulRefresh) => void;
}

/**
 * What the trail does not tell of a presented token: the same was answered once more (`kept`), its
 * session is over, its own life is over, it is no authentic token.
 */
export type UneventfulRefresh = 'kept' | 'over' | 'expired' | 'invalid';

/** A refresh token as it was presented. */
export interface Presented {
  readonly text: string;
  readonly delivery: Delivery;
  readonly origin: RequestOrigin;
}

interface Attempt extends Presented {
  readonly token: RefreshToken;
  readonly hash: Buffer;
}

/** How often a refresh that keeps losing races looks again before it gives up with a 503. */
const ATTEMPTS = 4;

/**
 * Consumes a refresh token for its successor and an access token.
 * @throws AppError `invalid_refresh_token`, `refresh_token_reused` (the session is over then), 503
 */
export async function refresh(deps: RefreshDeps, presented: Presented): Promise<Tokens> {
  const token = readRefreshToken(presented.text, deps.tagKey);
  if (!token) {
    deps.onRefresh('invalid');
    throw new AppError(invalidRefreshToken);
  }
  // A process that may not sign must not consume: the client could do nothing with the successor.
  deps.keyring.requireSigner();
  const attempt: Attempt = { ...presented, token, hash: hashRefreshToken(token) };
  for (let i = 0; i < ATTEMPTS; i++) {
    const now = deps.clock.now();
    const write = i === 0 ? rotateTogether : rotate;
    const tokens =
      (await tryRotate(deps, attempt, write, now)) ?? (await settle(deps, attempt, now));
    if (tokens) return tokens;
  }
  throw unavailableError('This session is being refreshed by many requests at once; try again.');
}

async function tryRotate(
  deps: RefreshDeps,
  attempt: Attempt,
  write: typeof rotate,
  now: Date,
): Promise<Tokens | undefined> {
  const { successor, written } = prepare(attempt, attempt.token.generation + 1, now);
  const grant = await write(deps.database.db, {
    ...written,
    expiresAt: after(now, deps.refreshTokenTtl),
    rotatedBefore: attempt.delivery === 'cookie' ? before(now, deps.refreshReplayWindow) : null,
  });
  if (!grant) return undefined;
  record(deps, attempt, 'refreshed', grant);
  return issueTokens(deps, successor, grant, now);
}

/** The statement changed nothing: finds out why, in a statement of its own, and acts on it. */
async function settle(deps: RefreshDeps, attempt: Attempt, now: Date): Promise<Tokens | undefined> {
  const session = await findSession(deps.database.db, attempt.token.sessionId);
  const presented = {
    generation: attempt.token.generation,
    hash: attempt.hash.toString('base64url'),
  };
  const verdict = judge(session, presented, attempt.delivery, deps.refreshReplayWindow, now);
  if (!session || verdict === 'over' || verdict === 'expired') {
    deps.onRefresh(verdict === 'expired' ? verdict : 'over');
    throw new AppError(invalidRefreshToken);
  }
  switch (verdict) {
    case 'current':
      return undefined;
    case 'fresh':
      deps.onRefresh('kept');
      return issueTokens(deps, attempt.token, session, now);
    case 'replayable':
      return replay(deps, attempt, session, now);
    case 'recoverable':
      return tryRecover(deps, attempt, session, now);
    case 'ahead':
      return end(deps, attempt, session, 'state_lost', now);
    case 'stolen':
      return end(deps, attempt, session, 'refresh_token_reused', now);
  }
}

async function replay(
  deps: RefreshDeps,
  attempt: Attempt,
  session: StoredSession,
  now: Date,
): Promise<Tokens> {
  const successor = session.salt && successorOf(attempt.token, session.salt, session.generation);
  if (!successor || hashRefreshToken(successor).toString('base64url') !== session.currentHash) {
    throw unavailableError('The successor of this refresh token cannot be told; try again.');
  }
  // The trail would grow with every lost answer; the session says how many there were.
  await countReplay(deps.database.db, attempt.token.sessionId, attempt.origin.address, now);
  record(deps, attempt, 'refresh_replayed', session, session.lastAddress);
  return issueTokens(deps, successor, session, now);
}

async function tryRecover(
  deps: RefreshDeps,
  attempt: Attempt,
  session: StoredSession,
  now: Date,
): Promise<Tokens | undefined> {
  const { successor, written } = prepare(attempt, session.generation + 1, now);
  const grant = await recover(deps.database.db, written, session.generation);
  if (!grant) return undefined;
  record(deps, attempt, 'refresh_recovered', grant, session.lastAddress);
  return issueTokens(deps, successor, grant, now);
}

/** Ends the session first and refuses then: a throw must not undo what was found out. */
async function end(
  deps: RefreshDeps,
  attempt: Attempt,
  session: StoredSession,
  reason: 'refresh_token_reused' | 'state_lost',
  now: Date,
): Promise<never> {
  const { sessionId } = attempt.token;
  const { lastAddress: earlierAddress } = session;
  const stolen = reason === 'refresh_token_reused';
  const event = stolen ? reason : 'refresh_state_lost';
  await recording(deps, async (tx, record) => {
    const userId = await endSession(tx, sessionId, { reason, now });
    if (userId) record({ event, userId, sessionId, origin: attempt.origin, earlierAddress });
  });
  throw new AppError(stolen ? refreshTokenReused : invalidRefreshToken);
}

function prepare(attempt: Attempt, generation: number, now: Date) {
  const salt = newSalt();
  const successor = successorOf(attempt.token, salt, generation);
  const written: Recovery = {
    sessionId: attempt.token.sessionId,
    presentedHash: attempt.hash,
    successorHash: hashRefreshToken(successor),
    salt,
    now,
    address: attempt.origin.address,
    userAgent: attempt.origin.userAgent,
  };
  return { successor, written };
}

function record(
  deps: RefreshDeps,
  { token: { sessionId }, origin }: Attempt,
  event: 'refreshed' | 'refresh_replayed' | 'refresh_recovered',
  { userId }: Grant,
  earlierAddress?: string,
): void {
  deps.record({ event, userId, sessionId, origin, ...(earlierAddress && { earlierAddress }) });
}
