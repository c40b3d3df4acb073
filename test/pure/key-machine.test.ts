import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  emergencyTime,
  MAX_PUBLISHED_KEYS,
  nextRotationAt,
  propagationTime,
  publishedKeys,
  waitingKey,
} from '../../src/issuer/keys/life-cycle.ts';
import { decide, type KeyCommand } from '../../src/issuer/keys/machine.ts';
import {
  before as earlier,
  after as later,
  milliseconds,
  sum,
  times,
} from '../../src/kit/duration.ts';
import { checkMoment, refusals, stateWatch, worstVerifiers } from '../support/key-checks.ts';
import { allHistories, plannedHistories, policies, tries } from '../support/key-histories.ts';
import { pass, passAll, play } from '../support/key-player.ts';
import { createKeyWorld, type KeyWorld, type Token } from '../support/key-world.ts';

const TICK: KeyCommand = { kind: 'tick' };
const MOMENT = milliseconds(1);
const MINUTES = 60_000;

const publishedNow = (world: KeyWorld) =>
  publishedKeys(world.keys(), world.settings(), world.now());

/** What a command would be answered at another time, without being carried out. */
const answerAt = (world: KeyWorld, command: KeyCommand, at: Date) =>
  decide(command, world.keys(), world.settings(), at);

describe('over random histories', { timeout: 30 * MINUTES }, () => {
  test('every token of a planned life verifies everywhere until it expires', () => {
    fc.assert(
      fc.property(policies, plannedHistories, (policy, steps) => {
        const world = createKeyWorld(policy);
        const tokens = play(world, steps);
        passAll(world);
        expect(refusals(world, tokens, worstVerifiers({ refetches: false }))).toEqual([]);
      }),
      tries(2_000),
    );
  });

  test('whatever is forced or revoked, a token is refused only while caches may lack its key', () => {
    fc.assert(
      fc.property(policies, allHistories, (policy, steps) => {
        const world = createKeyWorld(policy);
        const tokens = play(world, steps);
        passAll(world);
        const greatest = world.regimes.greatest();
        const everyEdge = emergencyTime(greatest);
        const everyCache = sum(everyEdge, greatest.verifierCacheTtl);
        for (const [refetches, wait] of [
          [true, everyEdge],
          [false, everyCache],
        ] as const) {
          const known = ({ kid }: Token) => later(world.publishedAt(kid), wait);
          const verifiers = worstVerifiers({ refetches });
          expect(refusals(world, tokens, verifiers, known)).toEqual([]);
        }
      }),
      tries(1_500),
    );
  });

  test('after a revocation no token is refused by a verifier that fetches an unknown kid', () => {
    const history = fc.record({ first: plannedHistories, second: plannedHistories });
    fc.assert(
      fc.property(policies, history, (policy, steps) => {
        const world = createKeyWorld(policy);
        play(world, steps.first, { oneClock: true });
        // The key that steps in must have reached the edges; planned rotations see to it in time.
        pass(world, later(world.now(), emergencyTime(world.regimes.greatest())));
        const [stolen] = publishedNow(world);
        if (!stolen) throw new Error('no key is active');
        const revokedAt = world.now();
        world.run({ kind: 'revoke', kid: stolen.kid, immediately: false });
        const tokens = play(world, steps.second, { oneClock: true });
        passAll(world);

        const oneClock = true;
        const refetching = worstVerifiers({ refetches: true, oneClock });
        expect(refusals(world, tokens, refetching)).toEqual([]);
        // Those that never fetch early refuse the key nobody had seen, until their caches are over.
        const lasting = worstVerifiers({ refetches: false, oneClock });
        const everyCache = propagationTime(world.regimes.greatest());
        for (const { token, at } of refusals(world, tokens, lasting)) {
          const publishedAt = world.publishedAt(token.kid);
          expect(+publishedAt).toBeGreaterThan(+earlier(revokedAt, everyCache));
          expect(+at).toBeLessThan(+later(publishedAt, everyCache));
        }
      }),
      tries(1_500),
    );
  });

  test('one key is active, one to five are published, the indexes hold at every statement', () => {
    fc.assert(
      fc.property(policies, allHistories, (policy, steps) => {
        const world = createKeyWorld(policy);
        checkMoment(world);
        play(world, steps, { moment: checkMoment });
        passAll(world, { moment: checkMoment });
      }),
      tries(1_500),
    );
  });

  test.each([
    { life: 'a planned life', histories: plannedHistories, oneClock: false },
    { life: 'any life on one clock', histories: allHistories, oneClock: true },
  ])('no state goes backwards in $life', ({ histories, oneClock }) => {
    fc.assert(
      fc.property(policies, histories, (policy, steps) => {
        const world = createKeyWorld(policy);
        const moment = stateWatch();
        play(world, steps, { moment, oneClock });
        passAll(world, { moment, oneClock });
      }),
      tries(1_000),
    );
  });

  test('a tick twice is a tick once', () => {
    fc.assert(
      fc.property(policies, allHistories, (policy, steps) => {
        const world = createKeyWorld(policy);
        play(world, steps);
        world.run(TICK);
        expect(world.run(TICK)).toEqual({ kind: 'nothing', reason: 'not_due' });
      }),
      tries(1_500),
    );
  });

  test('every command leaves a next key, unless five published ones stand in the way', () => {
    fc.assert(
      fc.property(policies, allHistories, (policy, steps) => {
        const world = createKeyWorld(policy);
        // A key is published or revoked by commands alone.
        const trace = () =>
          JSON.stringify(world.keys().map(({ kid, revokedAt }) => [kid, revokedAt]));
        let seen = trace();
        const moment = () => {
          const changed = trace();
          if (changed !== seen && !waitingKey(world.keys())) {
            expect(publishedNow(world)).toHaveLength(MAX_PUBLISHED_KEYS);
          }
          seen = changed;
        };
        play(world, steps, { moment, oneClock: true });
        world.run(TICK);
        if (!waitingKey(world.keys())) expect(publishedNow(world)).toHaveLength(MAX_PUBLISHED_KEYS);
      }),
      tries(1_500),
    );
  });

  test('a refusal says when it ends, and no later', () => {
    const command = fc
      .tuple(fc.boolean(), fc.boolean())
      .map(([ifDue, force]): KeyCommand => ({ kind: 'rotate', ifDue, force }));
    fc.assert(
      fc.property(policies, allHistories, command, (policy, steps, rotate) => {
        const world = createKeyWorld(policy);
        play(world, steps, { oneClock: true });
        const refused = world.run(rotate);
        if (refused.kind !== 'refuse') return;
        const { reason, retryAt } = refused;
        if (!retryAt) throw new Error(`${reason} without a date`);
        if (retryAt > world.now()) {
          expect(answerAt(world, rotate, earlier(retryAt, MOMENT))).toMatchObject({ reason });
        }
        // The server ticks meanwhile, as soon as there is room for a key that is missing.
        pass(world, retryAt, { moment: (passing) => passing.run(TICK) });
        if (!waitingKey(world.keys())) world.run(TICK);
        const answer = world.run(rotate);
        if (answer.kind === 'refuse') {
          expect(answer.reason).not.toBe(reason);
          expect(+(answer.retryAt ?? 0)).toBeGreaterThan(+retryAt);
        }
      }),
      tries(1_500),
    );
  });

  test('two at once, who both saw the same keys, are one rotation', () => {
    const clocks = fc.tuple(fc.nat(1_000), fc.nat(1_000));
    fc.assert(
      fc.property(policies, allHistories, fc.boolean(), clocks, (policy, steps, ifDue, skews) => {
        const world = createKeyWorld(policy);
        play(world, steps);
        const command: KeyCommand = { kind: 'rotate', ifDue, force: false };
        const answers = skews.map((skew) => world.run(command, milliseconds(skew)));
        expect(answers.filter(({ kind }) => kind === 'change').length).toBeLessThan(2);
      }),
      tries(1_000),
    );
  });

  test('missed rotations are caught up one safe step at a time', () => {
    const missed = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(policies, plannedHistories, missed, (policy, steps, intervals) => {
        const world = createKeyWorld(policy);
        play(world, steps, { oneClock: true });
        pass(world, later(world.now(), times(intervals, world.settings().keyRotationInterval)));
        world.run(TICK);
        for (let steps = 0; steps < 3; steps += 1) {
          const due = nextRotationAt(world.keys(), world.settings());
          if (!due) throw new Error('nothing to rotate to');
          const [signing] = publishedNow(world);
          pass(world, earlier(due, MOMENT), {
            moment: (passing) => expect(passing.run(TICK).kind).toBe('nothing'),
          });
          pass(world, due);
          const blocked = publishedNow(world).length === MAX_PUBLISHED_KEYS;
          expect(world.run(TICK).kind).toBe(blocked ? 'nothing' : 'change');
          if (blocked) return;
          expect(publishedNow(world)[0]).not.toEqual(signing);
        }
      }),
      tries(1_000),
    );
  });
});
