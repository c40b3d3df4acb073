import type { SessionId, UserId } from '../../kit/id.ts';
import type { EndReason } from './store.ts';

/**
 * Sessions of one user at a time, whom a list can show, and whom a change of password ends in a
 * moment: of as many as a program opens in a day that would take longer than a statement may.
 */
export const MOST_SESSIONS = 1000;

/** A session that begins. */
export interface NewSession {
  readonly id: SessionId;
  readonly userId: UserId;
  readonly clientId: string;
  readonly hash: Buffer;
  readonly now: Date;
  readonly expiresAt: Date;
  readonly maxExpiresAt: Date;
  readonly address: string;
  readonly userAgent: string | null;
}

const ONE_TOO_MANY: EndReason = 'too_many_sessions';

/**
 * The queries that open a session for the user whom `held` found, and end in `over` those that were
 * used the longest ago when there are too many; with nine parameters from `$first` on. What is locked
 * by somebody else, or was used since the statement began, is in use: it is passed over, and no
 * login waits. Sessions that have expired count too; nobody hears of their end.
 */
export function opening(first: number): string {
  const [id, userId, client, hash, now, expires, mostExpires, address, agent] = Array.from(
    { length: 9 },
    (_, i) => `$${first + i}`,
  );
  return `past AS MATERIALIZED (
  SELECT id, last_used_at FROM sessions
  WHERE user_id = ${userId} AND ended_at IS NULL AND EXISTS (SELECT FROM held)
  ORDER BY last_used_at DESC, id DESC OFFSET ${MOST_SESSIONS - 1} LIMIT ${MOST_SESSIONS}),
unused AS MATERIALIZED (
  SELECT s.id FROM sessions AS s JOIN past USING (id)
  WHERE s.ended_at IS NULL AND s.last_used_at = past.last_used_at FOR UPDATE OF s SKIP LOCKED),
over AS (
  UPDATE sessions SET ended_at = ${now}, end_reason = '${ONE_TOO_MANY}' FROM unused
  WHERE sessions.id = unused.id RETURNING sessions.id, expires_at > ${now} AS was_live),
opened AS (
  INSERT INTO sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
    recovered, created_at, expires_at, max_expires_at, last_used_at, last_address, user_agent)
  SELECT ${id}::uuid, ${userId}::uuid, ${client}, held.claims, 1, ${hash}::bytea,
    ${now}::timestamptz, false, ${now}, ${expires}::timestamptz, ${mostExpires}::timestamptz,
    ${now}, ${address}, ${agent} FROM held)`;
}

/** The parameters of `opening`. */
export const openingValues = (session: NewSession): readonly unknown[] => [
  session.id,
  session.userId,
  session.clientId,
  session.hash,
  session.now,
  session.expiresAt,
  session.maxExpiresAt,
  session.address,
  session.userAgent,
];
