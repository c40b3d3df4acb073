import { describe, expect, test } from 'vitest';
import {
  type Delivery,
  judge,
  type SessionState,
  type Verdict,
} from '../../src/issuer/sessions/machine.ts';
import { seconds } from '../../src/kit/duration.ts';

const ROTATED = new Date('2026-01-01T00:00:00Z');
const WINDOW = seconds(30);
const HOUR = seconds(3600);
const at = (age: number): Date => new Date(ROTATED.getTime() + age);

/** A session in its third generation, whose previous token dies an hour after the rotation. */
const session: SessionState = {
  generation: 3,
  currentHash: 'third',
  previousHash: 'second',
  rotatedAt: ROTATED,
  recovered: false,
  expiresAt: at(2 * HOUR),
  previousExpiresAt: at(HOUR),
  endedAt: null,
};
const recovered: SessionState = {
  ...session,
  generation: 4,
  currentHash: 'fourth',
  recovered: true,
};
const ended: SessionState = { ...session, endedAt: at(1) };
const first: SessionState = {
  ...session,
  generation: 1,
  currentHash: 'first',
  previousHash: null,
  previousExpiresAt: null,
};

const FIRST = { generation: 1, hash: 'first' };
const SECOND = { generation: 2, hash: 'second' };
const THIRD = { generation: 3, hash: 'third' };
const FOURTH = { generation: 4, hash: 'fourth' };
const LOST = { generation: 3, hash: 'third of lost commits' };
const LATER = { generation: 9, hash: 'ninth' };

const ANY: readonly Delivery[] = ['body', 'cookie'];
const YOUNG = WINDOW - 1;

type Case = readonly [
  string,
  SessionState | undefined,
  { generation: number; hash: string },
  readonly Delivery[],
  age: number,
  Verdict,
];

const CASES: readonly Case[] = [
  ['a session that never was', undefined, THIRD, ANY, 0, 'over'],
  ['the current token of an ended session', ended, THIRD, ANY, WINDOW, 'over'],
  ['a consumed token of an ended session', ended, FIRST, ANY, WINDOW, 'over'],
  ['a token ahead of an ended session', ended, LATER, ANY, WINDOW, 'over'],
  ['the current token at its last moment', session, THIRD, ANY, 2 * HOUR - 1, 'current'],
  ['the current token when it expires', session, THIRD, ANY, 2 * HOUR, 'over'],
  ['a stolen token of an expired session', session, FIRST, ANY, 2 * HOUR, 'over'],

  ['the current token at once', session, THIRD, ['body'], 0, 'current'],
  ['a current cookie at once', session, THIRD, ['cookie'], 0, 'fresh'],
  ['a current cookie at the end of the window', session, THIRD, ['cookie'], YOUNG, 'fresh'],
  ['a current cookie after the window', session, THIRD, ['cookie'], WINDOW, 'current'],
  ['a current cookie by a clock that is behind', session, THIRD, ['cookie'], -HOUR, 'fresh'],
  ['the first token as a cookie', first, FIRST, ['cookie'], WINDOW, 'current'],

  ['a token just consumed', session, SECOND, ANY, 0, 'replayable'],
  ['a token consumed a window ago', session, SECOND, ANY, YOUNG, 'replayable'],
  ['a consumed token by a clock that is behind', session, SECOND, ANY, -HOUR, 'replayable'],
  ['a token consumed longer ago', session, SECOND, ANY, WINDOW, 'recoverable'],
  ['a late token at its last moment', session, SECOND, ANY, HOUR - 1, 'recoverable'],
  ['a late token when it expires', session, SECOND, ANY, HOUR, 'expired'],
  ['a recovered token, again at once', recovered, SECOND, ANY, YOUNG, 'replayable'],
  ['a recovered token, late again', recovered, SECOND, ANY, WINDOW, 'stolen'],
  ['a recovered token, late and expired', recovered, SECOND, ANY, HOUR, 'stolen'],
  ['what recovery gave', recovered, FOURTH, ['body'], 0, 'current'],
  ['what recovery gave, as a cookie', recovered, FOURTH, ['cookie'], YOUNG, 'fresh'],
  ['what recovery voided', recovered, THIRD, ANY, 0, 'stolen'],

  ['a token whose successor was used', session, FIRST, ANY, 0, 'stolen'],
  ['the same, much later', session, FIRST, ANY, HOUR, 'stolen'],
  ['a token of this generation from lost commits', session, LOST, ANY, 0, 'ahead'],
  ['a token of a later generation', session, LATER, ANY, HOUR, 'ahead'],
  ['a later token, before any rotation', first, SECOND, ANY, 0, 'ahead'],
];

describe('judge says what a presented token is', () => {
  test.each(CASES)('%s', (_, state, presented, deliveries, age, verdict) => {
    for (const delivery of deliveries) {
      expect(judge(state, presented, delivery, WINDOW, at(age))).toBe(verdict);
    }
  });

  test('a previous token without an expiry of its own lives as long as its session', () => {
    const state = { ...session, previousExpiresAt: null };
    expect(judge(state, SECOND, 'body', WINDOW, at(2 * HOUR - 1))).toBe('recoverable');
  });
});
