import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { SessionId } from '../../kit/id.ts';
import { type AuditEvent, storing, storingValues } from '../audit/store.ts';
import { type NewSession, opening, openingValues } from '../sessions/open-store.ts';
import { held, heldValues, type UserWithHash } from '../users/store.ts';

/** What opens a session. */
export interface Opening {
  /** As it was found. */
  readonly user: UserWithHash;
  readonly session: NewSession;
  /** What the trail keeps of it, */
  readonly event: readonly AuditEvent[];
  /** and of each session that ends to make room. */
  readonly each: readonly AuditEvent[];
}

// One statement: a login would spend more on a transaction around four than on all but its hash.
const OPEN = `WITH ${held(1)},
${opening(6)},
${storing(16)}
SELECT to_jsonb(ARRAY(SELECT id FROM over WHERE was_live)) AS ended FROM held`;

/**
 * Opens a session for a user who is still as found, ends those that are too many, and stores what
 * the trail keeps of it; alone or in a transaction.
 * @returns the live sessions that it ended; undefined when the user has changed, and nothing is done
 */
export async function openHeld(db: Db, given: Opening): Promise<readonly SessionId[] | undefined> {
  const { rows } = await execute<{ ended: readonly SessionId[] }>(db, OPEN, [
    ...heldValues(given.user),
    ...openingValues(given.session),
    ...storingValues(given.event, given.each),
  ]);
  return rows[0]?.ended;
}
