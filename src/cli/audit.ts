import { USAGE_ERROR } from '../control/failure.ts';
import { MOST_EVENTS, type TrailReport } from '../control/trail.ts';
import { EVENTS } from '../issuer/audit/trail.ts';
import { parseDuration } from '../kit/duration.ts';
import { doOperation } from './do-operation.ts';
import { type Command, readOptions } from './invocation.ts';
import { complain } from './refuse.ts';
import { instant, table } from './table.ts';

const DEFAULT_LIMIT = 100;

const OPTIONS = {
  user: { type: 'string' },
  event: { type: 'string' },
  since: { type: 'string' },
  limit: { type: 'string', default: String(DEFAULT_LIMIT) },
  json: { type: 'boolean', default: false },
} as const;

/** `keyturn audit list` */
export const listAuditCommand: Command = {
  usage: '[--user EMAIL|ID] [--event EVENT] [--since TIME|DURATION] [--limit N] [--json]',
  summary: 'Shows what happened to accounts and keys, the newest first.',
  words: {
    '--user': 'only what happened to this user',
    '--event': 'only this event, such as login_failed',
    '--since': 'only from this time (2026-01-31T12:00Z), or for this long (24h)',
    '--limit': `at most so many; ${DEFAULT_LIMIT} without it, ${MOST_EVENTS} at most`,
  },
  page: 'docs/audit.md',
  async run(invocation) {
    const options = readOptions(invocation, 'audit list', OPTIONS);
    if (!options) return USAGE_ERROR;
    const { user, event, since, limit } = options;
    const start = since === undefined ? {} : readSince(since);
    const faults = [
      ...(event === undefined || EVENTS.some((known) => known === event)
        ? []
        : [`There is no event ${event}; there are: ${EVENTS.join(', ')}.`]),
      ...(start ? [] : ['--since takes a time (2026-01-31, 2026-01-31T12:00Z) or a length (24h).']),
      ...(/^[1-9]\d{0,4}$/.test(limit) && Number(limit) <= MOST_EVENTS
        ? []
        : [`--limit takes a number from 1 to ${MOST_EVENTS}.`]),
    ];
    if (faults.length > 0) return complain(invocation, 'audit list', faults.join(' '));
    const filter = { ...(user !== undefined && { user }), ...(event !== undefined && { event }) };
    const input = { ...filter, ...start, limit: Number(limit) };
    return doOperation(invocation, 'audit list', input, { ...options, human: describeTrail });
  },
};

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** A time, in UTC unless it says otherwise, or how long ago; undefined for anything else. */
function readSince(text: string): { since: string } | { age: number } | undefined {
  const age = parseDuration(text);
  if (age !== undefined) return { age };
  const [, time, , , zone] = TIME.exec(text) ?? [undefined, undefined];
  const parsed = TIME.test(text) ? Date.parse(time && !zone ? `${text}Z` : text) : Number.NaN;
  if (Number.isNaN(parsed)) return undefined;
  // The 31st of February is a day of March to Date.parse.
  const day = text.slice(0, 10);
  const exists = new Date(Date.parse(day)).toISOString().startsWith(day);
  return exists ? { since: new Date(parsed).toISOString() } : undefined;
}

function describeTrail({ events, more }: TrailReport): string {
  const heads = ['AT', 'EVENT', 'USER', 'SESSION', 'ADDRESS', 'REASON', 'AGENT'];
  const rows = events.map((event) => [
    instant(event.at),
    event.event,
    event.user_id ?? '-',
    event.session_id ?? '-',
    event.address ?? '-',
    event.reason ?? '-',
    event.user_agent ?? '-',
  ]);
  const rest = more ? '\nThere are older ones: see --limit.\n' : '';
  return `${table([heads, ...rows])}${rest}`;
}
