import type { Db } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import type { SessionId, UserId } from '../../kit/id.ts';

type Tables = {
  audit_events: {
    id: string;
    at: Date;
    event: string;
    user_id: string | null;
    session_id: string | null;
    reason: string | null;
    address: string | null;
    user_agent: string | null;
    request_id: string | null;
  };
};

const tables = (db: Db) => db.$extendTables<Tables>();

/** An event as the table holds it. */
export type AuditEvent = Readonly<Tables['audit_events']>;

const COLUMNS = 'id, at, event, user_id, session_id, reason, address, user_agent, request_id';
const GIVEN = `AS given (id uuid, at timestamptz, event text, user_id uuid, session_id uuid,
  reason text, address text, user_agent text, request_id text)`;

const INSERT = `INSERT INTO audit_events (${COLUMNS})
SELECT ${COLUMNS} FROM jsonb_to_recordset($1::jsonb) ${GIVEN}
ON CONFLICT (id) DO NOTHING`;

/** Stores events in one statement; those that are stored already are passed over. */
export async function insertEvents(db: Db, events: readonly AuditEvent[]): Promise<void> {
  if (events.length > 0) await execute(db, INSERT, [JSON.stringify(events)]);
}

/**
 * The query of a statement that stores an event when its query `held` has a row, and another for
 * each session in its `over` that was live; with two parameters from `$first` on.
 */
export const storing = (first: number): string => `stored AS (
  INSERT INTO audit_events (${COLUMNS})
  SELECT given.* FROM held, jsonb_to_recordset($${first}::jsonb) ${GIVEN}
  UNION ALL
  SELECT gen_random_uuid(), at, event, user_id, over.id, reason, address, user_agent, request_id
  FROM over, jsonb_to_recordset($${first + 1}::jsonb) ${GIVEN} WHERE over.was_live)`;

/** The parameters of `storing`: what happened, and what happened to each session in `over`. */
export const storingValues = (event: readonly AuditEvent[], each: readonly AuditEvent[]) =>
  [event, each].map((events) => JSON.stringify(events));

/** Which events to list; what is absent restricts nothing. */
export interface EventFilter {
  readonly userId?: string | undefined;
  readonly sessionId?: SessionId | undefined;
  readonly event?: string | undefined;
  readonly since?: Date | undefined;
  readonly limit: number;
}

/** Events, the newest first. */
export async function listEvents(db: Db, filter: EventFilter): Promise<AuditEvent[]> {
  const { userId, sessionId, event, since, limit } = filter;
  let query = tables(db).selectFrom('audit_events').selectAll();
  if (userId !== undefined) query = query.where('user_id', '=', userId);
  if (sessionId !== undefined) query = query.where('session_id', '=', sessionId);
  if (event !== undefined) query = query.where('event', '=', event);
  if (since !== undefined) query = query.where('at', '>=', since);
  return query.orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

/** Takes what is personal out of events `whose` user is gone, at most $2 of them. */
const forget = (whose: string): string => `UPDATE audit_events SET address = NULL, user_agent = NULL
WHERE id IN (SELECT id FROM audit_events
  WHERE ${whose} AND (address IS NOT NULL OR user_agent IS NOT NULL) LIMIT $2)`;
const FORGET_USER = forget('user_id = $1');
// An import may bring a user back under the same id: what is stored from then on is theirs to keep.
const FORGET_DELETED = forget(`user_id IN (
    SELECT user_id FROM audit_events WHERE event = 'account_deleted' AND at >= $1)
  AND EXISTS (SELECT FROM audit_events AS gone
    WHERE gone.user_id = audit_events.user_id AND gone.event = 'account_deleted' AND gone.at >= $1
      AND NOT EXISTS (SELECT FROM audit_events AS back
        WHERE back.user_id = gone.user_id AND back.event = 'account_imported'
          AND back.at BETWEEN gone.at AND audit_events.at))`);

/**
 * Takes addresses and agents out of events of a user who is gone, at most `limit` of them; what
 * happened, when and to which id stays. Not in the transaction that deletes the user: there may be
 * more of them than a statement has time for.
 * @returns how many
 */
export async function forgetUser(db: Db, userId: UserId, limit: number): Promise<number> {
  return (await execute(db, FORGET_USER, [userId, limit])).affected;
}

/**
 * Does as much for all users who went since an instant: for events that were left, or stored late.
 * @returns how many
 */
export async function forgetDeletedUsers(db: Db, since: Date, limit: number): Promise<number> {
  return (await execute(db, FORGET_DELETED, [since, limit])).affected;
}

const DELETE = `WITH old AS MATERIALIZED (
  SELECT id FROM audit_events WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM audit_events USING old WHERE audit_events.id = old.id`;

/** Deletes the oldest events from before an instant, at most `limit`. @returns how many */
export async function deleteEventsBefore(db: Db, instant: Date, limit: number): Promise<number> {
  return (await execute(db, DELETE, [instant, limit])).affected;
}
