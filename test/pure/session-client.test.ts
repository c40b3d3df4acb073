import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Delivery } from '../../src/issuer/sessions/machine.ts';
import { elapsed } from '../../src/kit/duration.ts';
import { growOld, pass, refreshAtOnce } from '../support/session-clients.ts';
import { type Outcome, refresh, what } from '../support/session-model.ts';
import { failover, gap, PATIENCE, RUNS } from '../support/session-runs.ts';
import {
  end,
  hashOf,
  loseCommits,
  newWorld,
  open,
  type Token,
  WINDOW,
} from '../support/session-table.ts';

const delivery = fc.constantFrom<Delivery>('body', 'cookie');

describe('a storm', () => {
  const storms = fc.record({
    delivery,
    late: fc.boolean(),
    /** Which request goes on next, and what time passes before: together less than the window. */
    turns: fc.array(fc.tuple(fc.nat(7), fc.nat(WINDOW / 60)), { minLength: 2, maxLength: 50 }),
    size: fc.integer({ min: 2, max: 8 }),
  });

  test('of one token gives one successor, the same to all', { timeout: PATIENCE }, () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(storms, ({ delivery, late, turns, size }) => {
        const world = newWorld();
        const token = open(world, 'alice');
        pass(world, WINDOW);
        if (late) {
          refreshAtOnce(world, token, delivery);
          pass(world, WINDOW);
        }
        const before = world.commits.length;
        const requests = Array.from({ length: size }, () => refresh(world, token, delivery));
        const outcomes: Outcome[] = [];
        const proceed = (steps: (typeof requests)[number]): void => {
          const step = steps.next();
          if (!step.done) return;
          outcomes.push(step.value);
          requests.splice(requests.indexOf(steps), 1);
        };
        for (const [request, time] of turns) {
          pass(world, time);
          const steps = requests[request % Math.max(1, requests.length)];
          if (steps) proceed(steps);
        }
        for (let next = requests[0]; next; next = requests[0]) proceed(next);
        assert.equal(outcomes.length, size);
        assert.equal(world.commits.length, before + 1, 'consumed more than once');
        for (const outcome of outcomes) {
          assert('token' in outcome, `answered ${outcome.kind}`);
          assert.equal(hashOf(outcome.token), world.rows.get('alice')?.currentHash);
          seen.add(outcome.kind);
        }
      }),
      { numRuns: RUNS },
    );
    expect([...seen]).toEqual(expect.arrayContaining(['recovered', 'refreshed', 'replayed']));
  });
});

type Fate = 'answered' | 'never arrives' | 'answer lost';
const tries = fc.array(
  fc.record({
    gap,
    fate: fc.constantFrom<Fate>('answered', 'answered', 'never arrives', 'answer lost'),
    lost: failover,
  }),
  { maxLength: 40, size: 'max' },
);

/**
 * A client that asks one thing at a time and keeps the last token it was given, whatever becomes of
 * its requests. It may wait as long as it likes, but for one thing: a recovery is had once a
 * generation, so when the answer to a recovery is lost as well (two lost answers of one token, the
 * second after a silence longer than the window), it asks again before the window is over.
 */
function live(
  { delivery, age, tries, failovers }: Life,
  see: (outcome: Outcome, token: Token) => void,
): void {
  const world = newWorld();
  let [token = assert.fail()] = growOld(world, [open(world, 'alice')], age);
  let expiresAt = world.rows.get('alice')?.expiresAt ?? world.now;
  let hurry: Date | undefined;
  for (const { gap, fate, lost } of tries) {
    const room = hurry ? WINDOW - elapsed(hurry, world.now) - 1 : gap;
    pass(world, Math.min(gap, room));
    if (failovers && lost !== null) loseCommits(world, lost);
    if (fate === 'never arrives') continue;
    const outcome = refreshAtOnce(world, token, delivery);
    see(outcome, token);
    if (!('token' in outcome)) {
      assert(outcome.kind === 'refused');
      assert.notEqual(outcome.verdict, 'stolen', 'an honest client was called a thief');
      const lineage = world.past.some((rows) => rows.get('alice')?.currentHash === hashOf(token));
      if (outcome.verdict === 'ahead') assert(!lineage, 'ahead of a table that knew it');
      else assert(failovers || world.now >= expiresAt, 'an honest client was logged out');
      return;
    }
    hurry = undefined;
    if (fate === 'answered') {
      token = outcome.token;
      expiresAt = outcome.row.expiresAt;
    } else if (outcome.row.recovered && hashOf(token) === outcome.row.previousHash) {
      hurry = outcome.row.rotatedAt;
    }
  }
}

interface Life {
  readonly delivery: Delivery;
  /** How often it refreshed before, six days apart. */
  readonly age: number;
  readonly tries: readonly { gap: number; fate: Fate; lost: number | null }[];
  readonly failovers: boolean;
}

/** What the histories are to come to, or they prove little. */
const ANSWERS = ['refreshed', 'fresh', 'replayed', 'recovered', 'over'];

describe('an honest client', () => {
  test.each([
    ['stays in until its token expires', false, ANSWERS],
    ['is never called a thief by a table that lost commits', true, [...ANSWERS, 'ahead']],
  ])('%s', { timeout: PATIENCE }, (_, failovers, expected) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(delivery, fc.nat(4), tries, (delivery, age, tries) => {
        live({ delivery, age, tries, failovers }, (outcome) => {
          seen.add(what(outcome));
        });
      }),
      { numRuns: RUNS },
    );
    expect([...seen]).toEqual(expect.arrayContaining(expected));
  });

  test('that loses the answer of a rotation and of its recovery, late each time, is out', () => {
    const world = newWorld();
    const token = open(world, 'alice');
    const kinds = [0, WINDOW, WINDOW].map((gap) => {
      pass(world, gap);
      return what(refreshAtOnce(world, token, 'body'));
    });
    expect(kinds).toEqual(['refreshed', 'recovered', 'stolen']);
  });

  test('that asks twice and uses the first answer while the other is on its way is out', () => {
    const world = newWorld();
    const token = open(world, 'alice');
    const slow = refresh(world, token, 'body');
    slow.next();
    const first = refreshAtOnce(world, token, 'body');
    assert('token' in first);
    refreshAtOnce(world, first.token, 'body');
    slow.next();
    slow.next();
    expect(slow.next().value).toMatchObject({ kind: 'refused', verdict: 'stolen' });
  });

  test('whose session ended before is not called a thief, whatever it presents', () => {
    const world = newWorld();
    const tokens = [open(world, 'alice')];
    for (let i = 0; i < 3; i++) {
      const outcome = refreshAtOnce(world, tokens.at(-1) ?? assert.fail(), 'body');
      if ('token' in outcome) tokens.push(outcome.token);
    }
    end(world, 'alice', 'logged_out');
    const { rows } = world;
    for (const token of tokens) {
      const outcome = refreshAtOnce(world, token, 'body');
      expect(outcome).toMatchObject({ kind: 'refused', verdict: 'over' });
    }
    expect(world.rows).toBe(rows);
  });
});
