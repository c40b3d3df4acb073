import type { Db } from '../../db/database.ts';
import { gathering } from '../../db/gather.ts';
import { execute } from '../../db/statement.ts';
import { plannedAnew } from '../../db/statement-names.ts';
import type { SessionId } from '../../kit/id.ts';
import { type Grant, type GrantRow, grantOf } from './store.ts';

const GRANT = 'user_id, client_id, claims, created_at, sessions.expires_at, generation';

/** What recovery writes. */
export interface Recovery {
  readonly sessionId: SessionId;
  readonly presentedHash: Buffer;
  readonly successorHash: Buffer;
  readonly salt: Buffer;
  readonly now: Date;
  readonly address: string;
  readonly userAgent: string | null;
}

/** What rotation writes. */
export interface Rotation extends Recovery {
  /** When the successor expires, if the session lasts that long. */
  readonly expiresAt: Date;
  /** Rotates only a token that became current then or earlier; null: any. */
  readonly rotatedBefore: Date | null;
}

const ROTATE = `UPDATE sessions SET
  previous_hash = current_hash, current_hash = $3, salt = $4, generation = generation + 1,
  rotated_at = $5, recovered = false, previous_expires_at = expires_at,
  expires_at = least($6::timestamptz, max_expires_at),
  last_used_at = $5, last_address = $7, user_agent = $8
WHERE id = $1 AND current_hash = $2 AND ended_at IS NULL AND expires_at > $5
  AND ($9::timestamptz IS NULL OR rotated_at <= $9)
RETURNING ${GRANT}`;

/**
 * Consumes a session's current token for its successor, in one statement, which waits for whoever
 * is changing the session.
 * @returns undefined when the presented token is not the current one of a live session
 */
export async function rotate(db: Db, rotation: Rotation): Promise<Grant | undefined> {
  const { rows } = await execute<GrantRow>(db, ROTATE, [
    rotation.sessionId,
    rotation.presentedHash,
    rotation.successorHash,
    rotation.salt,
    rotation.now,
    rotation.expiresAt,
    rotation.address,
    rotation.userAgent,
    rotation.rotatedBefore,
  ]);
  return rows[0] && grantOf(rows[0]);
}

// A session that somebody else holds is passed over. To wait for it would keep all the others
// waiting, and two such statements, or one and a logout of all, could wait for each other.
const ROTATE_SEVERAL = plannedAnew(`WITH held AS MATERIALIZED (
  SELECT asked.* FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[],
    $6::timestamptz[], $7::text[], $8::text[], $9::timestamptz[])
    AS asked (id, presented, successor, salt, now, expires_at, address, user_agent, rotated_before)
  CROSS JOIN LATERAL (
    SELECT FROM sessions
    WHERE id = asked.id AND current_hash = asked.presented AND ended_at IS NULL
      AND expires_at > asked.now
      AND (asked.rotated_before IS NULL OR rotated_at <= asked.rotated_before)
    FOR NO KEY UPDATE SKIP LOCKED) AS current)
UPDATE sessions SET
  previous_hash = current_hash, current_hash = held.successor, salt = held.salt,
  generation = generation + 1, rotated_at = held.now, recovered = false,
  previous_expires_at = sessions.expires_at,
  expires_at = least(held.expires_at, max_expires_at),
  last_used_at = held.now, last_address = held.address, user_agent = held.user_agent
FROM held WHERE sessions.id = held.id
RETURNING sessions.id, ${GRANT}`);

/**
 * The same for all sessions that ask in one turn of the event loop, in one statement.
 * @returns undefined also for a session that somebody is changing at this moment, or that is asked
 *   for twice: look at it, and then `rotate`
 */
export const rotateTogether: (db: Db, rotation: Rotation) => Promise<Grant | undefined> = gathering(
  rotate,
  async (db, rotations) => {
    const asked = new Map<SessionId, Rotation>();
    for (const rotation of rotations) {
      if (!asked.has(rotation.sessionId)) asked.set(rotation.sessionId, rotation);
    }
    const all = [...asked.values()];
    const { rows } = await execute<GrantRow & { id: SessionId }>(db, ROTATE_SEVERAL, [
      all.map(({ sessionId }) => sessionId),
      all.map(({ presentedHash }) => presentedHash),
      all.map(({ successorHash }) => successorHash),
      all.map(({ salt }) => salt),
      all.map(({ now }) => now),
      all.map(({ expiresAt }) => expiresAt),
      all.map(({ address }) => address),
      all.map(({ userAgent }) => userAgent),
      all.map(({ rotatedBefore }) => rotatedBefore),
    ]);
    const grants = new Map(rows.map((row) => [asked.get(row.id), grantOf(row)]));
    return rotations.map((rotation) => grants.get(rotation));
  },
);

const RECOVER = `UPDATE sessions SET
  current_hash = $3, salt = $4, generation = generation + 1, rotated_at = $5, recovered = true,
  last_used_at = $5, last_address = $6, user_agent = $7
WHERE id = $1 AND previous_hash = $2 AND generation = $8 AND NOT recovered
  AND ended_at IS NULL AND expires_at > $5
RETURNING ${GRANT}`;

/**
 * Voids the unused successor of a consumed token and puts another in its place, which expires
 * when the voided one would have.
 * @param generation the generation of the successor that is voided
 * @returns undefined when that is no longer how things are
 */
export async function recover(
  db: Db,
  recovery: Recovery,
  generation: number,
): Promise<Grant | undefined> {
  const { rows } = await execute<GrantRow>(db, RECOVER, [
    recovery.sessionId,
    recovery.presentedHash,
    recovery.successorHash,
    recovery.salt,
    recovery.now,
    recovery.address,
    recovery.userAgent,
    generation,
  ]);
  return rows[0] && grantOf(rows[0]);
}
