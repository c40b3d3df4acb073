import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Delivery } from '../../src/issuer/sessions/machine.ts';
import { pass, refreshAtOnce } from '../support/session-clients.ts';
import { what } from '../support/session-model.ts';
import { gap, PATIENCE, RUNS } from '../support/session-runs.ts';
import { hashOf, newWorld, open, type Token, WINDOW } from '../support/session-table.ts';

/** Who holds a copy of the same token. */
type Party = 'victim' | 'thief';

const delivery = fc.constantFrom<Delivery>('body', 'cookie');
const tries = (maxLength: number) =>
  fc.array(
    fc.record({
      who: fc.constantFrom<Party>('victim', 'thief'),
      gap,
      delivery,
      lost: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.boolean()),
    }),
    { maxLength, size: 'max' },
  );

describe('a thief and his victim who refresh further apart than the window', () => {
  test('are never both in for more than one refresh', { timeout: PATIENCE }, () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(tries(10), tries(30), (alone, together) => {
        const world = newWorld();
        const first = open(world, 'alice');
        const held: Record<Party, Token> = { victim: first, thief: first };
        for (const { gap, delivery, lost } of alone) {
          pass(world, gap);
          const outcome = refreshAtOnce(world, held.victim, delivery);
          if ('token' in outcome && !lost) held.victim = outcome.token;
        }

        held.thief = held.victim;
        const known: Record<Party, Set<string>> = { victim: new Set(), thief: new Set() };
        for (const set of Object.values(known)) set.add(hashOf(held.thief));
        /** Who was given a new token, turn by turn: the line may change hands once. */
        const turns: Party[] = [];
        let last: Party | undefined;
        for (const { who, gap, delivery, lost } of together) {
          pass(world, last === who ? gap : WINDOW + gap);
          last = who;
          const outcome = refreshAtOnce(world, held[who], delivery);
          seen.add(what(outcome));
          if (!('token' in outcome)) continue;
          if (!known[who].has(hashOf(outcome.token))) turns.push(who);
          known[who].add(hashOf(outcome.token));
          if (!lost) held[who] = outcome.token;
        }
        const changes = turns.filter((who, i) => i > 0 && who !== turns[i - 1]).length;
        assert(changes <= 1, `the line changed hands ${changes} times: ${turns.join(', ')}`);
        const refreshes = (who: Party) => turns.filter((turn) => turn === who).length;
        assert(Math.min(refreshes('victim'), refreshes('thief')) <= 1, turns.join(', '));
      }),
      { numRuns: RUNS },
    );
    const answers = ['refreshed', 'fresh', 'replayed', 'recovered', 'over', 'stolen'];
    expect([...seen]).toEqual(expect.arrayContaining(answers));
  });

  test('are found out by the next who comes after both were in', { timeout: PATIENCE }, () => {
    const apart = gap.map((gap) => WINDOW + (gap % (3 * 86_400_000)));
    const parties = fc.constantFrom<[Party, Party]>(['victim', 'thief'], ['thief', 'victim']);
    fc.assert(
      fc.property(parties, delivery, fc.tuple(apart, apart, apart), ([a, b], delivery, gaps) => {
        const world = newWorld();
        const token = open(world, 'alice');
        const held: Record<Party, Token> = { victim: token, thief: token };
        const answers = [a, b, a].map((who, i) => {
          pass(world, gaps[i] ?? 0);
          const outcome = refreshAtOnce(world, held[who], delivery);
          if ('token' in outcome) held[who] = outcome.token;
          return what(outcome);
        });
        assert.deepEqual(answers, ['refreshed', 'recovered', 'stolen']);
        assert.equal(world.rows.get('alice')?.endReason, 'stolen');
        for (const who of [a, b]) {
          assert.equal(what(refreshAtOnce(world, held[who], delivery)), 'over');
        }
      }),
      { numRuns: RUNS },
    );
  });
});
