import { isUuid, newUuid } from '../../kit/id.ts';
import { redactValue } from '../../kit/log-redact.ts';
import type { AuditEvent } from './store.ts';
import type { SecurityEvent } from './trail.ts';

/** Above all that is kept: codes, ids, agents of at most 400 characters. */
const LONGEST = 400;

/** What the table keeps of an event: nothing that it could refuse, whatever a client has sent. */
export function entryOf(event: SecurityEvent, at: Date): AuditEvent {
  // The trail of somebody who has gone says neither where they were nor with what.
  const origin = event.event === 'account_deleted' ? undefined : event.origin;
  return {
    id: newUuid(at),
    at,
    event: event.event,
    user_id: uuid(event.userId),
    session_id: uuid(event.sessionId),
    reason: storable(event.reason),
    address: storable(origin?.address),
    user_agent: storable(origin?.userAgent),
    request_id: storable(event.origin?.requestId),
  };
}

const uuid = (text: string | undefined): string | null =>
  text !== undefined && isUuid(text) ? text : null;

/** Without tokens, without what PostgreSQL refuses, and without what a terminal would obey. */
const storable = (text: string | null | undefined): string | null =>
  text
    ? redactValue(text)
        .replaceAll(/\p{Cc}/gu, '\ufffd')
        .slice(0, LONGEST)
        .toWellFormed()
    : null;
