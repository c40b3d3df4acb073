import type { SessionReport } from '../control/trail.ts';
import type { Sighting } from '../issuer/sessions/facts.ts';
import type { SessionHistory } from '../issuer/sessions/history-store.ts';
import type { EndReason } from '../issuer/sessions/store.ts';
import { elapsed, spellDuration } from '../kit/duration.ts';
import { printable } from './printable.ts';
import { instant } from './table.ts';

/** What a session ended by, to be read after "because". */
const BECAUSE: Readonly<Record<EndReason, string>> = {
  logged_out: 'its user logged out',
  logged_out_everywhere: 'all sessions of the account were ended',
  ended_by_user: 'its user ended it from the list of sessions',
  replaced: 'the same browser logged in again',
  too_many_sessions: 'a login made it one too many, and it was the one not used for longest',
  refresh_token_reused:
    'a consumed refresh token was presented after its successor had been used: theft',
  state_lost:
    'a refresh token was presented that is newer than what the database holds: the database has ' +
    'lost commits, and nobody is accused',
  password_changed: 'the password was changed',
  password_reset: 'the password was reset',
  account_disabled: 'the account was disabled',
  logged_out_by_admin: 'an administrator ended all sessions of the account',
  restored: 'the database was restored from a backup',
};

/** What came from where it was ended, when nobody asked for that. */
const CAUSE: Readonly<Partial<Record<EndReason, string>>> = {
  refresh_token_reused: 'Presented',
  too_many_sessions: 'Logged in',
};

/** Tells a session's life, a line a fact. */
export function tellSession(report: SessionReport): string {
  const { session, session_id, user_id, email } = report;
  const user = user_id ? `${email ? `${email}, ` : ''}user ${user_id}` : 'a user no longer known';
  const lines = [
    `Session ${session_id} of ${user}.`,
    ...(session ? tellRow(report, session) : tellEvents(report)),
  ];
  return `${lines.map(printable).join('\n')}\n`;
}

function tellRow(report: SessionReport, session: SessionHistory): string[] {
  const last = { address: session.last_address, user_agent: session.user_agent };
  const times = session.generation - 1;
  return [
    `It began on ${instant(session.created_at)}${whence(report.began)}.`,
    times === 0
      ? 'It was never refreshed.'
      : `It was refreshed ${count(times)}, and used last on ${instant(session.last_used_at)}${whence(last)}.`,
    ...report.recoveries.map(
      (it) =>
        `On ${instant(it.at)} the answer to a refresh had been lost, and its token was replaced: asked for${whence(it)}.`,
    ),
    ...(session.replays === 0
      ? []
      : [
          `A token just consumed was presented again ${count(session.replays)} and got the same successor, ` +
            `last on ${instant(session.last_replay_at)}${whence({ address: session.last_replay_address, user_agent: null })}.`,
        ]),
    tellEnd(report, session),
  ];
}

function tellEnd({ state, ended }: SessionReport, session: SessionHistory): string {
  if (state === 'live') {
    return (
      `It is live: until ${instant(session.expires_at)} unless it is refreshed, and until ` +
      `${instant(session.max_expires_at)} at the longest.`
    );
  }
  const expiresAt = new Date(session.expires_at);
  if (state === 'expired') {
    const spent = expiresAt >= new Date(session.max_expires_at);
    const idle = spellDuration(elapsed(new Date(session.last_used_at), expiresAt));
    const why = spent ? 'no session lasts longer' : `it had not been used for ${idle}`;
    return `It expired on ${instant(expiresAt)}: ${why}.`;
  }
  const because = session.end_reason ? BECAUSE[session.end_reason] : 'nobody knows why';
  const from = whence(ended);
  const cause = (session.end_reason && CAUSE[session.end_reason]) ?? 'Asked for';
  return `It ended on ${instant(session.ended_at)} because ${because}.${from && ` ${cause}${from}.`}`;
}

function tellEvents({ events }: SessionReport): string[] {
  return [
    'It ended or expired so long ago that only its events are left:',
    ...events.map(
      (it) =>
        `  ${instant(it.at)}  ${it.event}${it.reason === null ? '' : ` (${it.reason})`}${whence(it)}`,
    ),
  ];
}

const whence = (it: Pick<Sighting, 'address' | 'user_agent'> | null): string =>
  (it?.address ? ` from ${it.address}` : '') + (it?.user_agent ? ` with ${it.user_agent}` : '');

const count = (times: number): string => (times === 1 ? 'once' : `${times} times`);
