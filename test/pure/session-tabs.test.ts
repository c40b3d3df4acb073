import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { after } from '../../src/kit/duration.ts';
import { what } from '../support/session-model.ts';
import { PATIENCE, RUNS } from '../support/session-runs.ts';
import {
  hashOf,
  START,
  TOKEN_TTL,
  type Token,
  WINDOW,
  type World,
} from '../support/session-table.ts';
import { browse, type Tab, tabs } from '../support/session-tabs.ts';

/*
 * What tabs are promised takes three things, and no less (see the corners below). With D, the time
 * from a tab's reading of the cookie to its writing of the answer at most:
 * - D is at most half the window; a third of it where the database may lose commits;
 * - no tab reads a consumed cookie (its answer was lost) in the last D of the window: what heals
 *   it there may be used, or voided, before the request of its neighbour has arrived;
 * - the answer to a recovery is not lost, for it is had once a generation.
 */
const crowd = (longest: number) =>
  fc
    .constantFrom(10, 1000, WINDOW / 10, longest)
    .chain((longest) => fc.record({ longest: fc.constant(longest), tabs: tabs(longest) }));

/** What the histories are to come to, or they prove little. */
const ANSWERS = ['refreshed', 'fresh', 'replayed', 'recovered', 'over'];

/** When a token expires, by the change that issued it. */
function expiryOf(world: World, token: Token): Date {
  const issue = world.commits.find(({ by }) => by && hashOf(by.successor) === hashOf(token));
  return issue?.after.expiresAt ?? after(START, TOKEN_TTL);
}

describe('tabs that share a cookie', () => {
  test.each([
    ['stay in until it expires', false, WINDOW / 2, ANSWERS],
    ['are no thieves to a table that lost commits', true, WINDOW / 3, [...ANSWERS, 'ahead']],
  ])('%s', { timeout: PATIENCE }, (_, failovers, slowest, expected) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(crowd(slowest), ({ longest, tabs }) => {
        browse({ tabs, failovers, caution: longest }, (outcome, token, world) => {
          seen.add(what(outcome));
          assert.notEqual(outcome.kind, 'unavailable');
          if (outcome.kind !== 'refused') return;
          assert.notEqual(outcome.verdict, 'stolen', 'honest tabs were called a thief');
          assert(failovers || outcome.now >= expiryOf(world, token), 'tabs were logged out');
        });
      }),
      { numRuns: RUNS },
    );
    expect([...seen]).toEqual(expect.arrayContaining(expected));
  });
});

const AT_ONCE = [0, 0, 0, 0, 0, 0];
const arrivesAfter = (wait: number): number[] => [wait, wait, wait, wait, wait, wait];
const answeredAfter = (wait: number): number[] => [0, 0, 0, 0, 0, wait];
const tab = (gap: number, steps: readonly number[], more: Partial<Tab> = {}): Tab => ({
  gap,
  steps,
  lost: false,
  failover: null,
  ...more,
});

function answersTo(tabs: readonly Tab[], failovers = false): string[] {
  const answers: string[] = [];
  browse({ tabs, failovers, caution: 0 }, (outcome) => answers.push(what(outcome)));
  return answers;
}

describe('the corners where honest tabs are taken for thieves', () => {
  test('a lost answer is healed at the end of the window, and a neighbour was slower', () => {
    const tabs = [
      tab(WINDOW, AT_ONCE, { lost: true }),
      tab(WINDOW - 1000, arrivesAfter(1500)),
      tab(0, AT_ONCE),
      tab(1000, AT_ONCE),
    ];
    expect(answersTo(tabs)).toEqual(['refreshed', 'replayed', 'refreshed', 'stolen']);
  });

  test('what a replay gave is voided at once by a recovery, and written last', () => {
    const tabs = [
      tab(WINDOW, AT_ONCE, { lost: true }),
      tab(WINDOW - 10, answeredAfter(100)),
      tab(10, AT_ONCE),
      tab(100, AT_ONCE),
    ];
    expect(answersTo(tabs)).toEqual(['refreshed', 'replayed', 'recovered', 'stolen']);
  });

  test('an answer takes longer than half the window and puts a consumed cookie back', () => {
    const tabs = [
      tab(WINDOW - 1, answeredAfter(WINDOW / 2 + 1000)),
      tab(1, AT_ONCE),
      tab(WINDOW / 2 + 500, arrivesAfter(WINDOW / 2 - 500)),
      tab(600, arrivesAfter(WINDOW / 2)),
    ];
    expect(answersTo(tabs)).toEqual(['fresh', 'refreshed', 'refreshed', 'stolen']);
  });

  test('of two lines that lost commits left behind, the other one is used first', () => {
    const half = WINDOW / 2;
    const tabs = [
      tab(WINDOW, answeredAfter(half - 1000)),
      tab(1, AT_ONCE, { failover: 1, lost: true }),
      tab(5000, answeredAfter(half)),
      tab(11_500, arrivesAfter(half)),
      tab(4000, arrivesAfter(half - 5000)),
    ];
    const answers = ['refreshed', 'refreshed', 'replayed', 'refreshed', 'stolen'];
    expect(answersTo(tabs, true)).toEqual(answers);
  });
});
