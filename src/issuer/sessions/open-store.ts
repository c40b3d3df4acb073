import type { Tx } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { SessionId, UserId } from '../../kit/id.ts';
import type { EndReason, UserClaims } from './store.ts';

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
  readonly claims: UserClaims;
  readonly hash: Buffer;
  readonly now: Date;
  readonly expiresAt: Date;
  readonly maxExpiresAt: Date;
  readonly address: string;
  readonly userAgent: string | null;
}

const ONE_TOO_MANY: EndReason = 'too_many_sessions';

// What is held by somebody else, or was used since the statement began, is in use: it is passed
// over, and no login waits. Sessions that have expired count too; nobody hears of their end.
const OPEN = `WITH past AS MATERIALIZED (
  SELECT id, last_used_at FROM sessions WHERE user_id = $2 AND ended_at IS NULL
  ORDER BY last_used_at DESC, id DESC OFFSET ${MOST_SESSIONS - 1} LIMIT ${MOST_SESSIONS}),
unused AS MATERIALIZED (
  SELECT s.id FROM sessions AS s JOIN past USING (id)
  WHERE s.ended_at IS NULL AND s.last_used_at = past.last_used_at FOR UPDATE OF s SKIP LOCKED),
over AS (
  UPDATE sessions SET ended_at = $6, end_reason = '${ONE_TOO_MANY}' FROM unused
  WHERE sessions.id = unused.id RETURNING sessions.id, expires_at),
opened AS (
  INSERT INTO sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
    recovered, created_at, expires_at, max_expires_at, last_used_at, last_address, user_agent)
  VALUES ($1, $2, $3, $4, 1, $5, $6, false, $6, $7, $8, $6, $9, $10))
SELECT id FROM over WHERE expires_at > $6`;

/**
 * Stores a session, and ends those of its user that were used the longest ago when there are too
 * many; in one statement. Takes a transaction, since the caller must hold the user's row against a
 * change of password that ends sessions at the same time.
 * @returns the live sessions that it ended
 */
export async function insertSession(tx: Tx, session: NewSession): Promise<SessionId[]> {
  const { rows } = await execute<{ id: SessionId }>(tx, OPEN, [
    session.id,
    session.userId,
    session.clientId,
    JSON.stringify(session.claims),
    session.hash,
    session.now,
    session.expiresAt,
    session.maxExpiresAt,
    session.address,
    session.userAgent,
  ]);
  return rows.map(({ id }) => id);
}
