import type { Db } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import type { Logger } from '../../kit/log.ts';
import { entryOf } from './entry.ts';
import { perMinute } from './per-minute.ts';
import { type AuditEvent, insertEvents } from './store.ts';
import { createWaiting } from './waiting.ts';

/** Everything that the trail knows of. */
export const EVENTS = [
  'registered',
  'logged_in',
  'login_failed',
  'logged_out',
  'logged_out_everywhere',
  'session_ended',
  'refreshed',
  'refresh_replayed',
  'refresh_recovered',
  'refresh_token_reused',
  'refresh_state_lost',
  'cross_user_access',
  'password_reset_requested',
  'password_reset',
  'password_changed',
  'password_refused',
  'email_verification_requested',
  'email_verified',
  'email_change_requested',
  'email_changed',
  'profile_changed',
  'account_created',
  'account_imported',
  'account_deleted',
  'account_disabled',
  'account_enabled',
  'keys_rotated',
  'keys_revoked',
  'keys_restored',
  'rate_limited',
] as const;

/** Something that happened to an account, worth keeping. Never carries a secret. */
export interface SecurityEvent {
  readonly event: (typeof EVENTS)[number];
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** A short code, a key's id, or whom a path named: cut, and without tokens. */
  readonly reason?: string | undefined;
  readonly origin?: RequestOrigin;
  /** From where the session was used before this; for the log. */
  readonly earlierAddress?: string;
}

/** Where a request came from. */
export interface RequestOrigin {
  readonly address: string;
  readonly userAgent: string | null;
  readonly requestId: string;
}

/** Takes note of an event; never throws and is never waited for. */
export type RecordEvent = (event: SecurityEvent) => void;

/** What a trail is made from. */
export interface TrailDeps {
  readonly log: Logger;
  readonly clock: Pick<Clock, 'now'>;
  /** Where events are stored; undefined where the resource server runs alone. */
  readonly db: Db | undefined;
  /** Called once for each event, for the metrics. */
  readonly onEvent?: ((event: SecurityEvent) => void) | undefined;
}

/** An event with what the table will hold of it, if anything. */
export interface Recorded {
  readonly event: SecurityEvent;
  readonly entry: AuditEvent | undefined;
}

/** Where security events go: the log, the metrics, the table. */
export interface Trail {
  /** Logs and counts an event at once, and stores it soon. */
  readonly record: RecordEvent;
  /** Dates an event for whoever stores it with what it tells of, and announces it after that. */
  note(event: SecurityEvent): Recorded;
  /** Logs and counts an event without storing it. */
  announce(event: SecurityEvent): void;
  /** Stores what waits, as far as the database is there. */
  flush(): Promise<void>;
  /** Stores what waits for the last time, and says what is lost. */
  close(): Promise<void>;
}

/** Ordinary use, too frequent for the log at its usual level. */
const FREQUENT: ReadonlySet<SecurityEvent['event']> = new Set(['refreshed']);

/** Counted and logged, not stored: the session's row keeps the last and how many. */
const UNSTORED: ReadonlySet<SecurityEvent['event']> = new Set(['refreshed', 'refresh_replayed']);

/** What any user can cause without end, past no limit. */
const UNLIMITED: ReadonlySet<SecurityEvent['event']> = new Set([
  'cross_user_access',
  'profile_changed',
]);
/** Of each of these, by one user, so many a minute are stored; the log has them all. */
const STORED_A_MINUTE = 60;

/** Makes the trail of a process. */
export function createTrail({ log, clock, db, onEvent }: TrailDeps): Trail {
  const waiting = db && createWaiting({ insert: (events) => insertEvents(db, events), log });

  const isFew = perMinute(STORED_A_MINUTE);

  const note = (event: SecurityEvent): Recorded => {
    const now = clock.now();
    const stored =
      db !== undefined &&
      !UNSTORED.has(event.event) &&
      (!UNLIMITED.has(event.event) || isFew(`${event.event} ${event.userId}`, now));
    return { event, entry: stored ? entryOf(event, now) : undefined };
  };
  const announce = (event: SecurityEvent) => {
    write(log, event);
    onEvent?.(event);
  };
  return {
    note,
    announce,
    record(event) {
      const { entry } = note(event);
      announce(event);
      if (entry) waiting?.add(entry);
    },
    async flush() {
      await waiting?.flush();
    },
    async close() {
      const lost = (await waiting?.flush()) ?? 0;
      if (lost > 0) log.error({ events: lost }, 'audit events were not stored; the log has them');
    },
  };
}

function write(
  log: Logger,
  { event, userId, sessionId, reason, origin, earlierAddress }: SecurityEvent,
) {
  const entry = {
    event,
    user_id: userId,
    session_id: sessionId,
    reason,
    request_id: origin?.requestId,
    address: origin?.address,
    earlier_address: earlierAddress,
    user_agent: origin?.userAgent,
  };
  if (FREQUENT.has(event)) log.debug(entry, 'security event');
  else log.info(entry, 'security event');
}
