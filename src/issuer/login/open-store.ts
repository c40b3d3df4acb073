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

/** What came of it. */
export interface HeldAndOpened {
  /** As they are now. */
  readonly name: string;
  readonly emailVerified: boolean;
  /** The live sessions that ended to make room. */
  readonly ended: readonly SessionId[];
}

interface OpenRow {
  name: string;
  email_verified: boolean;
  ended: readonly SessionId[];
}

// One statement: a login would spend more on a transaction around four than on all but its hash.
const statementOf = (user: number, session: number): string => `WITH ${held(1)},
${opening(1 + user)},
${storing(1 + user + session)}
SELECT name, email_verified, to_jsonb(ARRAY(SELECT id FROM over WHERE was_live)) AS ended
FROM held`;
/** Made once: each room's parameters are always as many. */
let statement: string | undefined;

/**
 * Opens a session for a user whose password, address and account are still as found, ends those
 * that are too many, and stores what the trail keeps of it; alone or in a transaction.
 * @returns undefined when they are not, and nothing is done
 */
export async function openHeld(db: Db, given: Opening): Promise<HeldAndOpened | undefined> {
  const user = heldValues(given.user);
  const session = openingValues(given.session);
  const events = storingValues(given.event, given.each);
  statement ??= statementOf(user.length, session.length);
  const { rows } = await execute<OpenRow>(db, statement, [...user, ...session, ...events]);
  const [row] = rows;
  return row && { name: row.name, emailVerified: row.email_verified, ended: row.ended };
}
