import { describe, expect, test } from 'vitest';
import { tellSession } from '../../src/cli/session-story.ts';
import type { SessionReport } from '../../src/control/trail.ts';
import type { SessionHistory } from '../../src/issuer/sessions/history-store.ts';
import type { EndReason } from '../../src/issuer/sessions/store.ts';
import type { SessionId, UserId } from '../../src/kit/id.ts';

const at = (text: string) => new Date(`2026-01-${text}Z`);
const id = '019b76da-a800-7000-8000-000000000001' as SessionId;
const userId = '019b76da-a800-7000-8000-000000000002' as UserId;

const row: SessionHistory = {
  id,
  user_id: userId,
  client_id: 'keyturn',
  generation: 1,
  rotated_at: at('01T10:00:00'),
  recovered: false,
  created_at: at('01T10:00:00'),
  expires_at: at('08T10:00:00'),
  max_expires_at: at('31T10:00:00'),
  last_used_at: at('01T10:00:00'),
  last_address: '192.0.2.1',
  user_agent: 'phone',
  replays: 0,
  last_replay_at: null,
  last_replay_address: null,
  ended_at: null,
  end_reason: null,
};

const report: SessionReport = {
  session_id: id,
  user_id: userId,
  email: 'ann@example.com',
  state: 'live',
  session: row,
  began: null,
  ended: null,
  recoveries: [],
  events: [],
};

/** The story, as it crosses the socket: instants are texts then. */
const tell = (change: Partial<SessionReport>): string[] =>
  tellSession(JSON.parse(JSON.stringify({ ...report, ...change }))).split('\n');

const ended = (reason: EndReason, from: SessionReport['ended'] = null) =>
  tell({
    state: 'ended',
    session: { ...row, ended_at: at('02T00:00:00'), end_reason: reason },
    ended: from,
  }).at(-2);

describe('the story of a session', () => {
  test('shows what a client called itself, and lets it move nothing', () => {
    const session = { ...row, generation: 2, user_agent: 'a\u202e\nIt ended' };
    expect(tell({ session }).join('\n')).toContain('with a\\u{202e}\\u{a}It ended.');
  });

  test('that is live and was never refreshed', () => {
    expect(tell({})).toEqual([
      `Session ${id} of ann@example.com, user ${userId}.`,
      'It began on 2026-01-01 10:00:00Z.',
      'It was never refreshed.',
      'It is live: until 2026-01-08 10:00:00Z unless it is refreshed, and until ' +
        '2026-01-31 10:00:00Z at the longest.',
      '',
    ]);
  });

  test('that was refreshed, replayed and recovered', () => {
    const from = { address: '192.0.2.9', user_agent: 'laptop' };
    const lines = tell({
      began: { at: row.created_at, ...from },
      recoveries: [{ at: at('03T00:00:00'), ...from }],
      session: {
        ...row,
        generation: 4,
        last_used_at: at('03T00:00:00'),
        replays: 2,
        last_replay_at: at('02T00:00:00'),
        last_replay_address: '192.0.2.8',
      },
    });
    expect(lines.slice(1, 5)).toEqual([
      'It began on 2026-01-01 10:00:00Z from 192.0.2.9 with laptop.',
      'It was refreshed 3 times, and used last on 2026-01-03 00:00:00Z from 192.0.2.1 with phone.',
      'On 2026-01-03 00:00:00Z the answer to a refresh had been lost, and its token was replaced: ' +
        'asked for from 192.0.2.9 with laptop.',
      'A token just consumed was presented again 2 times and got the same successor, last on ' +
        '2026-01-02 00:00:00Z from 192.0.2.8.',
    ]);
  });

  test('that expired, unused or at the longest', () => {
    expect(tell({ state: 'expired' }).at(-2)).toBe(
      'It expired on 2026-01-08 10:00:00Z: it had not been used for 7d.',
    );
    const session = { ...row, expires_at: row.max_expires_at };
    expect(tell({ state: 'expired', session }).at(-2)).toBe(
      'It expired on 2026-01-31 10:00:00Z: no session lasts longer.',
    );
  });

  test('that ended says why, and by whom where that is known', () => {
    const from = { at: at('02T00:00:00'), address: '192.0.2.66', user_agent: null };
    expect(ended('refresh_token_reused', from)).toBe(
      'It ended on 2026-01-02 00:00:00Z because a consumed refresh token was presented after its ' +
        'successor had been used: theft. Presented from 192.0.2.66.',
    );
    expect(ended('password_changed', from)).toBe(
      'It ended on 2026-01-02 00:00:00Z because the password was changed. Asked for from 192.0.2.66.',
    );
    expect(ended('too_many_sessions', from)).toBe(
      'It ended on 2026-01-02 00:00:00Z because a login made it one too many, and it was the one ' +
        'not used for longest. Logged in from 192.0.2.66.',
    );
    expect(ended('account_disabled')).toBe(
      'It ended on 2026-01-02 00:00:00Z because the account was disabled.',
    );
  });

  test('of which only events are left', () => {
    const event = {
      id: '1',
      at: at('01T10:00:00'),
      event: 'logged_in',
      user_id: userId,
      session_id: id,
      reason: null,
      address: '192.0.2.1',
      user_agent: 'phone',
      request_id: 'r-1',
    };
    const end = { ...event, event: 'logged_out', reason: 'replaced', address: null };
    const lines = tell({
      state: 'forgotten',
      session: null,
      email: null,
      events: [event, { ...end, user_agent: null }],
    });
    expect(lines).toEqual([
      `Session ${id} of user ${userId}.`,
      'It ended or expired so long ago that only its events are left:',
      '  2026-01-01 10:00:00Z  logged_in from 192.0.2.1 with phone',
      '  2026-01-01 10:00:00Z  logged_out (replaced)',
      '',
    ]);
  });
});
