import type { Db } from '../../db/database.ts';
import { before, seconds } from '../../kit/duration.ts';
import type { SessionId, UserId } from '../../kit/id.ts';
import { type AuditEvent, listEvents } from '../audit/store.ts';
import type { SecurityEvent } from '../audit/trail.ts';
import { findSessionHistory, type SessionHistory } from './history-store.ts';
import type { EndReason } from './store.ts';

/** Where and when something happened; null where the trail no longer says. */
export interface Sighting {
  readonly at: Date;
  readonly address: string | null;
  readonly user_agent: string | null;
}

/** All that is known of a session's life. */
export interface SessionFacts {
  readonly session_id: SessionId;
  readonly user_id: UserId | null;
  /** `forgotten`: only events are left of it, housekeeping has taken the session itself. */
  readonly state: 'live' | 'ended' | 'expired' | 'forgotten';
  /** Null when only events are left. */
  readonly session: SessionHistory | null;
  readonly began: Sighting | null;
  /** What ended it, if something did. */
  readonly ended: Sighting | null;
  /** Retries that came so late that the successor was replaced. */
  readonly recoveries: readonly Sighting[];
  /** Every event that names it, the oldest first. */
  readonly events: readonly AuditEvent[];
}

/** Far more than one session has, but for somebody who tries. */
const MOST_EVENTS = 1000;
/** How far the event that ended sessions may lie from their end. */
const NEAR = seconds(60);

/** The events that end sessions without naming them. */
const ENDED_BY: Readonly<Partial<Record<EndReason, SecurityEvent['event']>>> = {
  logged_out_everywhere: 'logged_out_everywhere',
  password_changed: 'password_changed',
  password_reset: 'password_reset',
  account_disabled: 'account_disabled',
  restored: 'keys_restored',
};

/** The events that end the session they name. */
const ENDINGS: ReadonlySet<string> = new Set<SecurityEvent['event']>([
  'logged_out',
  'session_ended',
  'refresh_token_reused',
  'refresh_state_lost',
]);

/** Gathers what is known of a session; undefined when nothing is. */
export async function sessionFacts(
  db: Db,
  id: SessionId,
  now: Date,
): Promise<SessionFacts | undefined> {
  const session = await findSessionHistory(db, id);
  const events = (await listEvents(db, { sessionId: id, limit: MOST_EVENTS })).reverse();
  if (!session && events.length === 0) return undefined;
  const began = events.find(({ event }) => event === 'logged_in' || event === 'registered');
  const ending = events.findLast(({ event }) => ENDINGS.has(event));
  const elsewhere = session && !ending ? await endingOf(db, session) : undefined;
  const recoveries = events.filter(({ event }) => event === 'refresh_recovered');
  return {
    session_id: id,
    user_id: session?.user_id ?? ((began?.user_id ?? null) as UserId | null),
    state: session ? stateOf(session, now) : 'forgotten',
    session: session ?? null,
    began: began ? sighting(began) : null,
    ended: endOf(session, ending ?? elsewhere),
    recoveries: recoveries.map(sighting),
    events,
  };
}

function stateOf(session: SessionHistory, now: Date): 'live' | 'ended' | 'expired' {
  // What was over when something ended all that were left had expired, as it would have anyway.
  const overAt = session.ended_at ?? now;
  if (session.expires_at <= overAt) return 'expired';
  return session.ended_at ? 'ended' : 'live';
}

/** The event that ended it together with others. */
async function endingOf(
  db: Db,
  { user_id: userId, ended_at: endedAt, end_reason: reason }: SessionHistory,
): Promise<AuditEvent | undefined> {
  const event = reason && ENDED_BY[reason];
  if (!endedAt || !event) return undefined;
  const ofUser = event === 'keys_restored' ? {} : { userId };
  const since = before(endedAt, NEAR);
  const found = await listEvents(db, { ...ofUser, event, since, limit: MOST_EVENTS });
  const distance = ({ at }: AuditEvent) => Math.abs(at.getTime() - endedAt.getTime());
  const [nearest] = found.sort((a, b) => distance(a) - distance(b));
  return nearest && distance(nearest) <= NEAR ? nearest : undefined;
}

function endOf(
  session: SessionHistory | undefined,
  event: AuditEvent | undefined,
): Sighting | null {
  const at = session?.ended_at ?? event?.at;
  if (!at) return null;
  return { at, address: event?.address ?? null, user_agent: event?.user_agent ?? null };
}

const sighting = ({ at, address, user_agent }: AuditEvent): Sighting => ({
  at,
  address,
  user_agent,
});
