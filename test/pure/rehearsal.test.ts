import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emergencyTime, type KeyPolicy } from '../../src/issuer/keys/life-cycle.ts';
import { amended, withHabits } from '../../src/issuer/keys/rehearsal/mend.ts';
import {
  defaultPlan,
  EARLIEST_ROTATIONS,
  type RehearsalEvent,
  type RehearsalPlan,
} from '../../src/issuer/keys/rehearsal/plan.ts';
import { rehearse, type VerifierVerdict } from '../../src/issuer/keys/rehearsal/rehearse.ts';
import { warnings } from '../../src/issuer/keys/rehearsal/warnings.ts';
import { complain } from '../../src/issuer/keys/rehearsal/wording.ts';
import {
  remainingTrust,
  VERIFIER_KINDS,
  type VerifierKind,
} from '../../src/issuer/keys/verifiers.ts';
import { type Duration, milliseconds, seconds, sum, times } from '../../src/kit/duration.ts';
import { policies } from '../support/key-histories.ts';
import { createKeyWorld } from '../support/key-world.ts';

const MINUTE = seconds(60);
const HOUR = times(60, MINUTE);
const DAY = times(24, HOUR);
const NONE = seconds(0);

/** What the configuration has without any variable. */
const DEFAULTS: KeyPolicy = {
  accessTokenTtl: times(15, MINUTE),
  keyRotationInterval: times(30, DAY),
  verifierCacheTtl: times(24, HOUR),
  jwksMaxAge: times(5, MINUTE),
  clockSkew: MINUTE,
  keyLease: MINUTE,
};

const gateway = (habits: Partial<VerifierKind> = {}): VerifierKind => ({
  name: 'gateway',
  keeps: times(20, MINUTE),
  refetchesOnUnknownKid: false,
  perKid: false,
  cooldown: NONE,
  cdnAge: NONE,
  clockSkew: null,
  ...habits,
});

const planOf = (
  verifiers: readonly VerifierKind[],
  events: readonly RehearsalEvent[] = EARLIEST_ROTATIONS,
): RehearsalPlan => ({ length: times(90, DAY), replicas: 3, events, verifiers });

function verdictOn(
  verifier: VerifierKind,
  policy: KeyPolicy,
  events?: readonly RehearsalEvent[],
): VerifierVerdict {
  const [verdict] = rehearse(policy, planOf([verifier], events)).verifiers;
  if (!verdict) throw new Error('no verdict');
  return verdict;
}

const revocation = (immediately: boolean): RehearsalEvent => ({
  at: times(3, DAY),
  do: 'revoke',
  key: 'active',
  immediately,
});

describe('planned rotations', () => {
  test('are borne by every built-in verifier at the defaults, without a single early fetch', () => {
    const { verifiers, honest } = rehearse(DEFAULTS, defaultPlan(DEFAULTS));
    expect(honest).toBe(true);
    expect(verifiers).toHaveLength(VERIFIER_KINDS.length);
    expect(verifiers.filter(({ verdict }) => verdict !== 'never_wrong')).toEqual([]);
  });

  test('are borne by whoever keeps a JWKS no longer than VERIFIER_CACHE_TTL', () => {
    const habits = fc.record({ refetches: fc.boolean(), share: fc.constantFrom(0, 50, 100) });
    const stops = fc.record({ at: fc.nat(60), days: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(policies, habits, stops, (policy, { refetches, share }, { at, days }) => {
        const verifier = gateway({
          keeps: Math.floor((policy.verifierCacheTtl * share) / 100) as Duration,
          refetchesOnUnknownKid: refetches,
        });
        const unit = Math.floor(policy.keyRotationInterval / 30000);
        const events: RehearsalEvent[] = [
          ...EARLIEST_ROTATIONS,
          { at: seconds(at * unit), do: 'stop', length: seconds(days * unit + 1) },
        ];
        const length = times(4, policy.keyRotationInterval);
        const plan = { length, replicas: 3, events, verifiers: [verifier] };
        const [verdict] = rehearse(policy, plan).verifiers;
        expect(verdict?.tokens).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('find who keeps a JWKS for longer, and name the setting that mends it to the second', () => {
    const extra = fc.constantFrom(1, 60, 3600);
    fc.assert(
      fc.property(policies, extra, extra, (policy, more, cdn) => {
        const verifier = gateway({
          keeps: sum(policy.verifierCacheTtl, seconds(more)),
          cdnAge: seconds(cdn),
        });
        const plan = (settled: KeyPolicy): RehearsalPlan => ({
          ...planOf([verifier]),
          length: times(3, settled.keyRotationInterval),
        });
        const [found] = rehearse(policy, plan(policy)).verifiers;
        expect(found?.verdict).toBe('rejects');
        const settings = found?.mend?.settings ?? {};
        expect(settings.verifierCacheTtl).toBe(sum(verifier.keeps as Duration, verifier.cdnAge));

        const mended = { ...policy, ...settings };
        expect(rehearse(mended, plan(mended)).honest).toBe(true);
        const almost = {
          ...mended,
          verifierCacheTtl: milliseconds(mended.verifierCacheTtl - 1000),
        };
        expect(rehearse(almost, plan(almost)).honest).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  test('say which token of which key is refused when, and what mends it', () => {
    const policy = { ...DEFAULTS, verifierCacheTtl: times(10, MINUTE) };
    const verdict = verdictOn(gateway(), policy);
    // B is everybody's from the start; C signs at twice the propagation time, with the clocks' worst.
    const [found] = verdict.tokens;
    expect(verdict.tokens).toHaveLength(1);
    expect(found).toMatchObject({ kid: 'C', cause: 'unseen' });
    const { presented, signed, example } = found ?? expect.fail();
    expect(+(presented.until ?? 0) - +presented.from).toBe(10 * MINUTE);
    expect(+example.signedAt).toBeGreaterThanOrEqual(+signed.from);
    expect(+example.presentedAt).toBeLessThan(+example.signedAt + policy.accessTokenTtl);
    expect(complain(verdict)).toBe(
      'gateway keeps a JWKS for 20m: it may refuse good tokens for up to 10m after a key begins to ' +
        'sign. Mended by VERIFIER_CACHE_TTL=20m.',
    );
  });

  test('count an early fetch as help, but say who depends on it', () => {
    const policy = { ...DEFAULTS, verifierCacheTtl: HOUR };
    const verdict = verdictOn(
      gateway({ keeps: times(12, HOUR), refetchesOnUnknownKid: true }),
      policy,
    );
    expect(verdict.verdict).toBe('early_fetch');
    expect(complain(verdict)).toContain('refuses good tokens for up to 11h');
    expect(verdict.mend?.settings).toEqual({ verifierCacheTtl: times(12, HOUR) });
  });

  test('raise the interval with the cache where the configuration would refuse one alone', () => {
    const policy = { ...DEFAULTS, keyRotationInterval: times(25, HOUR) };
    const { mend } = verdictOn(gateway({ keeps: times(48, HOUR) }), policy);
    const raised = sum(times(48, HOUR), times(7, MINUTE));
    expect(mend?.settings).toEqual({
      verifierCacheTtl: times(48, HOUR),
      keyRotationInterval: raised,
    });
  });

  test('find a verifier whose clock is further off than CLOCK_SKEW says', () => {
    const verdict = verdictOn(gateway({ clockSkew: times(5, MINUTE) }), DEFAULTS);
    expect(verdict.tokens.map(({ cause }) => cause)).toContain('gone');
    expect(complain(verdict)).toContain('after their key has gone. Mended by CLOCK_SKEW=5m.');
  });

  test('never reach a verifier that keeps its first JWKS for ever', () => {
    const verdict = verdictOn(gateway({ keeps: 'for_ever' }), DEFAULTS);
    expect(verdict.tokens.map(({ presented }) => presented.until)).toContain(null);
    expect(verdict.mend).toMatchObject({ settings: {}, habits: ['refetch'] });
  });

  test('that are forced too early are found, and --force is what to leave out', () => {
    const events: RehearsalEvent[] = [
      { at: times(3, DAY), do: 'rotate', ifDue: false, force: true, whenSafe: false },
      { at: sum(times(3, DAY), HOUR), do: 'rotate', ifDue: false, force: true, whenSafe: false },
    ];
    const verdict = verdictOn(gateway({ keeps: times(6, HOUR) }), DEFAULTS, events);
    expect(verdict.tokens.map(({ kid }) => kid)).toEqual(['C']);
    expect(verdict.mend).toEqual({ settings: {}, without: ['force'], habits: [] });
  });

  test('that are stopped twice go on when the longer stop is over', () => {
    const stop = (day: number, days: number): RehearsalEvent => ({
      at: times(day, DAY),
      do: 'stop',
      length: times(days, DAY),
    });
    const resumed = (...events: RehearsalEvent[]) =>
      rehearse(DEFAULTS, planOf([gateway()], events))
        .history.happenings.filter(({ kind }) => kind === 'resumed')
        .map(({ at }) => +at / DAY);
    const [once] = resumed(stop(1, 20));
    expect(resumed(stop(1, 20), stop(2, 1))).toEqual([once]);
    expect(resumed(stop(1, 20), stop(2, 30))).toEqual([(once ?? 0) + 11]);
  });

  test('survive a missed month and a longer token, but not a shorter clock skew at once', () => {
    const settings = (set: Partial<KeyPolicy>): RehearsalEvent => ({
      at: sum(times(30, DAY), MINUTE),
      do: 'settings',
      settings: set,
    });
    const missed: RehearsalEvent = { at: DAY, do: 'stop', length: times(40, DAY) };
    expect(verdictOn(gateway(), DEFAULTS, [missed]).verdict).toBe('never_wrong');
    const longer = [settings({ accessTokenTtl: times(2, HOUR) })];
    expect(verdictOn(gateway(), DEFAULTS, longer).verdict).toBe('never_wrong');
    const policy = { ...DEFAULTS, clockSkew: times(5, MINUTE) };
    expect(verdictOn(gateway(), policy, [settings({ clockSkew: NONE })]).verdict).toBe('rejects');
  });
});

describe('a mend', () => {
  const verifiers = fc.record({
    name: fc.constant('gateway'),
    keeps: fc.constantFrom('max_age' as const, 'for_ever' as const, HOUR, times(2, DAY)),
    refetchesOnUnknownKid: fc.boolean(),
    perKid: fc.constant(false),
    cooldown: fc.constantFrom(NONE, seconds(30)),
    cdnAge: fc.constantFrom(NONE, HOUR),
    clockSkew: fc.constantFrom(null, times(10, MINUTE)),
  });
  const at = fc.integer({ min: 0, max: 100 }).map((n) => times(n, times(6, HOUR)));
  const events: fc.Arbitrary<RehearsalEvent> = fc.oneof(
    fc.record({
      at,
      do: fc.constant('rotate' as const),
      ifDue: fc.constant(false),
      force: fc.boolean(),
      whenSafe: fc.constant(true),
    }),
    fc.record({
      at,
      do: fc.constant('revoke' as const),
      key: fc.constantFrom('active' as const, 'next' as const, 'all' as const),
      immediately: fc.boolean(),
    }),
  );

  test('that is named really mends, whatever the plan', () => {
    let named = 0;
    fc.assert(
      fc.property(verifiers, fc.array(events, { maxLength: 3 }), (verifier, list) => {
        const policy = { ...DEFAULTS, verifierCacheTtl: times(10, MINUTE) };
        const plan = planOf([verifier], list);
        const [found] = rehearse(policy, plan).verifiers;
        if (!found?.mend) return;
        named += 1;
        const better = {
          ...amended(plan, found.mend),
          verifiers: [withHabits(verifier, found.mend.habits)],
        };
        const [again] = rehearse({ ...policy, ...found.mend.settings }, better).verifiers;
        expect(again?.verdict).not.toBe('rejects');
        if (found.verdict === 'early_fetch') expect(again?.verdict).toBe('never_wrong');
      }),
      { numRuns: 150 },
    );
    expect(named).toBeGreaterThan(30);
  });
});

describe('a revocation', () => {
  const refetching = VERIFIER_KINDS.filter((kind) => kind.refetchesOnUnknownKid);

  test('makes no verifier refuse that fetches for an unknown kid, beyond its own cooldown', () => {
    const settings = policies.map((policy) => ({ ...policy, keyRotationInterval: times(5, DAY) }));
    fc.assert(
      fc.property(settings, fc.constantFrom(...refetching), (policy, verifier) => {
        const { verdict, tokens } = verdictOn(verifier, policy, [revocation(false)]);
        if (verifier.cooldown === 0) {
          expect(verdict).not.toBe('rejects');
          return;
        }
        for (const { presented } of verdict === 'rejects' ? tokens : []) {
          const length = +(presented.until ?? Number.NaN) - +presented.from;
          expect(length).toBeLessThanOrEqual(verifier.cooldown);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('says until when each verifier still trusts the key, as keys revoke does', () => {
    for (const immediately of [false, true]) {
      const { trust } = rehearse(DEFAULTS, planOf(VERIFIER_KINDS, [revocation(immediately)]));
      const revokedAt = new Date(times(3, DAY));
      const wait = immediately ? NONE : emergencyTime(DEFAULTS);
      const unknownKidAt = new Date(+revokedAt + wait);
      expect(trust).toHaveLength(1);
      expect(trust[0]?.kid).toBe('A');
      expect(trust[0]?.stillTrustedBy).toEqual(remainingTrust(DEFAULTS, revokedAt, unknownKidAt));
    }
  });

  test('with --now is refused by everybody until the caches on the way are over', () => {
    const plan = planOf(VERIFIER_KINDS, [revocation(true)]);
    const waits = rehearse(DEFAULTS, plan).verifiers.map(({ verifier, tokens }) => {
      const { from, until } = tokens[0]?.presented ?? expect.fail(verifier.name);
      return [verifier.name, (+(until ?? 0) - +from) / MINUTE];
    });
    // The lease and the edges, with what each verifier adds: its cooldown, or all that it keeps.
    expect(Object.fromEntries(waits)).toMatchObject({
      'jose, express-oauth2-jwt-bearer': 6.5,
      'jwks-rsa (Node)': 6,
      Istio: 26,
      'go-oidc v2': 11,
      '.NET': 6,
    });
  });

  test('of a key that is not there is told, and changes nothing', () => {
    const none: RehearsalEvent = { at: DAY, do: 'revoke', key: 'retiring', immediately: false };
    const { history, trust } = rehearse(DEFAULTS, planOf([gateway()], [none]));
    expect(trust).toEqual([]);
    expect(history.happenings).toContainEqual(
      expect.objectContaining({ kind: 'refused', reason: 'no_such_key' }),
    );
  });

  test('is believed for as long as is said, and no longer, by who never fetches early', () => {
    const world = createKeyWorld({ ...DEFAULTS, verifierCacheTtl: times(20, MINUTE) }, new Date(0));
    const token = world.sign(0, NONE) ?? expect.fail();
    world.advance(times(3, DAY));
    const revokedAt = world.now();
    world.run({ kind: 'revoke', kid: token.kid, immediately: false });
    const istio = remainingTrust(
      DEFAULTS,
      revokedAt,
      new Date(+revokedAt + emergencyTime(DEFAULTS)),
    ).find(({ verifier }) => verifier === 'Istio');
    const until = istio?.until ?? expect.fail();
    world.advance(DAY);
    const oldest = {
      clock: 0,
      oldCache: true,
      oldEdge: true,
      refetches: false,
      source: { clock: 0, lag: 100 },
    };
    expect(world.accepts(oldest, token, new Date(+until - 1))).toBe(true);
    expect(world.accepts(oldest, token, until)).toBe(false);
  });
});

describe('warnings at a start', () => {
  test('are none at the defaults', () => {
    expect(warnings(DEFAULTS, VERIFIER_KINDS)).toEqual([]);
  });

  test('say the same as the rehearsal, of the same verifiers', () => {
    const policy = { ...DEFAULTS, verifierCacheTtl: HOUR };
    const said = warnings(policy, VERIFIER_KINDS);
    const told = rehearse(policy, defaultPlan(policy)).verifiers.map(complain).filter(Boolean);
    expect(said).toEqual(told);
    expect(said).toHaveLength(3);
    expect(said[1]).toBe(
      '.NET keeps a JWKS for 12h: it knows a new key only by an early fetch, and where that fails ' +
        'refuses good tokens for up to 11h after a key begins to sign. Mended by ' +
        'VERIFIER_CACHE_TTL=12h.',
    );
  });
});
