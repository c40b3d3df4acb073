import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeyPolicy } from '../../src/issuer/keys/life-cycle.ts';
import { judge, type KnownKey, type Sight, sees } from '../../src/issuer/keys/visibility.ts';
import { seconds } from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';
import { tries } from '../support/key-histories.ts';

const URL = 'https://id.example.com/.well-known/jwks.json';
const MAX_AGE = 5;
const LEASE = 3;
/** How long caches and replicas may lag behind. */
const PATIENCE = MAX_AGE + LEASE;
const SKEW = 1;
const POLICY: KeyPolicy = {
  accessTokenTtl: seconds(4),
  keyRotationInterval: seconds(100),
  verifierCacheTtl: seconds(10),
  jwksMaxAge: seconds(MAX_AGE),
  clockSkew: seconds(SKEW),
  keyLease: seconds(LEASE),
};
const NOW = 60;

/** The instant `n` seconds into the test's time. */
const at = (n: number): Date => new Date(n * 1000);

/** A key's dates in seconds. */
interface Dates {
  readonly published: number;
  readonly activated?: number | undefined;
  readonly retired?: number | undefined;
  readonly revoked?: number | undefined;
  readonly ttl: number;
}

function keyOf(dates: Dates, index: number): KnownKey {
  const date = (n: number | undefined) => (n === undefined ? null : at(n));
  const kid = `key-${index}` as Kid;
  return {
    kid,
    publishedAt: at(dates.published),
    activatedAt: date(dates.activated),
    retiredAt: date(dates.retired),
    revokedAt: date(dates.revoked),
    maxTokenTtl: seconds(dates.ttl),
    publicJwk: { kty: 'RSA', use: 'sig', kid, alg: 'RS256', n: `n-${index}`, e: 'AQAB' },
  };
}

/** When a key leaves the JWKS, in seconds. */
const leaves = ({ retired, revoked, ttl }: Dates): number =>
  revoked ?? (retired === undefined ? Number.POSITIVE_INFINITY : retired + LEASE + ttl + 2 * SKEW);

/** The kids in the JWKS at a moment. */
const shownAt = (table: readonly Dates[], moment: number): string[] =>
  table.flatMap((dates, index) =>
    dates.published <= moment && moment < leaves(dates) ? [`key-${index}`] : [],
  );

const span = fc.option(fc.nat(20), { nil: undefined });
const dates: fc.Arbitrary<Dates> = fc
  .record({ published: fc.nat(NOW), active: span, retiring: span, revoked: span, ttl: fc.nat(6) })
  .map(({ published, active, retiring, revoked, ttl }) => {
    const activated = active === undefined ? undefined : published + active;
    return {
      published,
      activated,
      retired: activated === undefined || retiring === undefined ? undefined : activated + retiring,
      // What is revoked in the future is not recorded yet.
      revoked: revoked === undefined || published + revoked > NOW ? undefined : published + revoked,
      ttl,
    };
  });
const MOMENTS = Array.from({ length: NOW + 1 }, (_, moment) => moment);
/** Of no more than five published at any moment, as a table has them that was never written by hand. */
const tables = fc
  .array(dates, { maxLength: 7 })
  .filter((table) => MOMENTS.every((moment) => shownAt(table, moment).length <= 5));

type Jwks = Extract<Sight, { kind: 'jwks' }>;

const sightOf = (kids: readonly string[], more: Partial<Jwks> = {}): Jwks => ({
  kind: 'jwks',
  contentType: 'application/jwk-set+json',
  age: seconds(0),
  maxAge: seconds(MAX_AGE),
  keys: kids.map((kid) => ({ kid, n: kid.replace('key', 'n'), e: 'AQAB' })),
  ...more,
});

const judged = (table: readonly Dates[], sight: Sight, refusedCanaries: string[] = []) =>
  judge({ url: URL, keys: table.map(keyOf), sight, refusedCanaries }, POLICY, at(NOW));

const codes = (...[table, sight, refused]: Parameters<typeof judged>): string[] =>
  judged(table, sight, refused).faults.map(({ code }) => code);

describe('what the world sees', () => {
  test('is no fault while caches and replicas may lag behind', () => {
    fc.assert(
      fc.property(tables, fc.nat(PATIENCE), (table, lag) => {
        const { faults, staleFor } = judged(table, sightOf(shownAt(table, NOW - lag)));
        expect(faults).toEqual([]);
        expect(staleFor ?? 0).toBeLessThanOrEqual(seconds(lag));
      }),
      tries(1_000),
    );
  });

  test('is a fault exactly where it has differed for longer', () => {
    fc.assert(
      fc.property(tables, fc.subarray([0, 1, 2, 3, 4, 5, 6, 99]), (table, seen) => {
        const kids = seen.map((index) => `key-${index}`);
        const expected = new Set<string>();
        for (const [index, key] of table.entries()) {
          const kid = `key-${index}`;
          const shown = shownAt(table, NOW).includes(kid);
          if (shown && !kids.includes(kid) && NOW - key.published > PATIENCE) {
            const signs = key.activated !== undefined && key.activated <= NOW;
            const over = signs && key.retired !== undefined && key.retired <= NOW;
            expected.add(`${over ? 'retiring' : signs ? 'active' : 'next'}_missing`);
          }
          if (!shown && kids.includes(kid) && NOW - leaves(key) > PATIENCE) {
            expected.add('stale_keys');
          }
        }
        if (seen.some((index) => index >= table.length)) expected.add('unknown_keys');
        expect(new Set(codes(table, sightOf(kids)))).toEqual(expected);
      }),
      tries(1_000),
    );
  });

  test('is as old as the last moment at which it was right', () => {
    fc.assert(
      fc.property(tables, fc.nat(NOW), (table, lag) => {
        const kids = shownAt(table, NOW - lag);
        const first = Math.min(...table.map(({ published }) => published));
        const same = (moment: number) => shownAt(table, moment).join() === kids.join();
        let moment = NOW;
        while (moment >= first && !same(moment)) moment--;
        const right = moment >= first && same(moment);
        const expected = right ? seconds(moment === NOW ? 0 : NOW - moment - 1) : null;
        // In whatever order, and however often.
        const sight = sightOf([...kids, ...kids].reverse());
        expect(judged(table, sight).staleFor).toBe(expected);
      }),
      tries(1_000),
    );
  });

  test('may be nothing: then that is all there is to say', () => {
    fc.assert(
      fc.property(tables, fc.constantFrom('unreachable', 'not_json'), (table, code) => {
        const reason = 'answers with status 502';
        const { faults, staleFor } = judged(table, { kind: 'nothing', code, reason });
        expect(faults).toMatchObject([{ code }]);
        expect(faults[0]?.detail).toContain(`${URL} ${reason}. `);
        expect(staleFor).toBeNull();
      }),
      tries(100),
    );
  });
});

describe('a JWKS with the right keys', () => {
  const TABLE: Dates[] = [
    { published: 0, activated: 10, ttl: 4 },
    { published: 10, ttl: 4 },
  ];
  const kids = shownAt(TABLE, NOW);

  test.each<[string, Partial<Jwks>, string[]]>([
    ['as JSON', { contentType: 'application/json' }, []],
    ['as text', { contentType: 'text/plain' }, ['wrong_content_type']],
    ['as nothing', { contentType: '' }, ['wrong_content_type']],
    ['that is as old as it may be', { age: seconds(PATIENCE) }, []],
    ['that is older', { age: seconds(PATIENCE + 1) }, ['stale_answer']],
    ['that may be kept for no time', { maxAge: seconds(0) }, []],
    ['that says nothing of it', { maxAge: undefined }, []],
    ['that may be kept for longer', { maxAge: seconds(MAX_AGE + 1) }, ['cached_too_long']],
  ])('%s', (_, how, expected) => {
    expect(codes(TABLE, sightOf(kids, how))).toEqual(expected);
  });

  test('of which one does not verify', () => {
    const { faults } = judged(TABLE, sightOf(kids), ['key-1']);
    expect(faults).toMatchObject([{ code: 'canary_refused' }]);
    expect(faults[0]?.detail).toContain('key-1');
  });

  test('but another key under a kid', () => {
    const [key] = TABLE.map(keyOf);
    const sight = sightOf(kids, {
      keys: [
        { kid: 'key-0', n: 'n-7', e: 'AQAB' },
        { kid: 'key-1', n: 'n-1', e: 'AQAB' },
      ],
    });
    expect(codes(TABLE, sight)).toEqual(['active_missing']);
    expect(key && sees(sight, key)).toBe(false);
    expect(key && sees(sightOf(kids), key)).toBe(true);
  });

  test('and a clock that is behind the one that published', () => {
    const look = { url: URL, keys: TABLE.map(keyOf), sight: sightOf(kids), refusedCanaries: [] };
    expect(judge(look, POLICY, at(5))).toEqual({ faults: [], staleFor: 0 });
  });
});
