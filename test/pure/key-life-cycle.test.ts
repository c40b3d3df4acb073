import { describe, expect, test } from 'vitest';
import {
  activeKey,
  asOf,
  emergencyTime,
  goneAt,
  nextRotationAt,
  openKey,
  propagationTime,
  publishedKeys,
  type SigningKey,
  stateOf,
  waitingKey,
} from '../../src/issuer/keys/life-cycle.ts';
import { seconds } from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';

const POLICY = {
  accessTokenTtl: seconds(900),
  keyRotationInterval: seconds(2_000_000),
  verifierCacheTtl: seconds(86_400),
  jwksMaxAge: seconds(300),
  clockSkew: seconds(60),
  keyLease: seconds(30),
};

/** The instant `n` seconds into the test's time, which the whole file counts in. */
const at = (n: number): Date => new Date(n * 1000);

interface Dates {
  published?: number;
  activated?: number;
  retired?: number;
  revoked?: number;
}

const key = (kid: string, { published = 0, ...dates }: Dates, ttl = 900): SigningKey => {
  const date = (n: number | undefined) => (n === undefined ? null : at(n));
  return {
    kid: kid as Kid,
    publishedAt: at(published),
    activatedAt: date(dates.activated),
    retiredAt: date(dates.retired),
    revokedAt: date(dates.revoked),
    maxTokenTtl: seconds(ttl),
  };
};

test('the propagation time is the cache, the edge, the clocks and the lease', () => {
  expect(propagationTime(POLICY)).toBe(seconds(86_400 + 300 + 60 + 30));
});

test('an emergency takes the lease and the edge, no more', () => {
  expect(emergencyTime(POLICY)).toBe(seconds(330));
});

describe('a key', () => {
  const retired = key('k', { published: 100, activated: 200, retired: 1000 });
  // The lease, the longest token, and the clocks twice.
  const gone = 1000 + 30 + 900 + 120;

  test.each([
    ['waits', key('k', { published: 100 }), 5000, 'next'],
    ['has a date', key('k', { published: 100, activated: 200 }), 199.999, 'next'],
    ['signs from its date on', key('k', { published: 100, activated: 200 }), 200, 'active'],
    ['signs until it retires', retired, 999.999, 'active'],
    ['retires at its date', retired, 1000, 'retiring'],
    ['stays published for its last token', retired, gone - 0.001, 'retiring'],
    ['leaves', retired, gone, 'gone'],
    ['is revoked', { ...retired, revokedAt: at(900) }, 900, 'revoked'],
    ['is revoked after it left', { ...retired, revokedAt: at(gone) }, gone + 1, 'revoked'],
  ])('that %s', (_, row, now, state) => {
    expect(stateOf(row, POLICY, at(now))).toBe(state);
  });

  test('stays as long as the longest token that it signed, not as today’s are', () => {
    const long = key('k', { activated: 200, retired: 1000 }, 7200);
    expect(goneAt(long, { ...POLICY, accessTokenTtl: seconds(60) })).toEqual(at(1000 + 7350));
  });

  test('without an end is never gone, and a revoked one at once', () => {
    expect(goneAt(key('k', { activated: 200 }), POLICY)).toBeNull();
    expect(goneAt(key('k', { activated: 200, revoked: 300 }), POLICY)).toEqual(at(300));
  });
});

describe('a set of keys', () => {
  const old = key('old', { published: 0, activated: 0, retired: 500 });
  const open = key('open', { published: 100, activated: 500 });
  const next = key('next', { published: 500 });
  const stolen = key('stolen', { published: 0, activated: 0, retired: 600, revoked: 600 });
  const keys = [old, stolen, open, next];

  test('has one key that signs, one that waits, and one that is open', () => {
    expect(activeKey(keys, POLICY, at(700))).toBe(open);
    expect(waitingKey(keys)).toBe(next);
    expect(openKey(keys)).toBe(open);
    expect(activeKey([stolen], POLICY, at(700))).toBeUndefined();
    expect(waitingKey([open])).toBeUndefined();
    expect(waitingKey([key('k', { revoked: 5 })])).toBeUndefined();
    expect(openKey([old, stolen, next])).toBeUndefined();
  });

  test('is published active first, then next, then retiring, each the newest first', () => {
    const older = key('older', { published: -5, activated: 0, retired: 400 });
    const published = publishedKeys([older, ...keys], POLICY, at(700));
    expect(published).toEqual([open, next, old, older]);
  });

  test('is five keys at most where a raised CLOCK_SKEW says that those gone had to stay', () => {
    const leaving = [600, 601, 602].map((retired) => key(`k${retired}`, { activated: 0, retired }));
    // Retired before all of them, it signed longer tokens and still has to stay.
    const long = key('long', { published: 0, activated: 0, retired: 500 }, 7200);
    const many = [open, next, long, ...leaving];
    const now = at(602 + 30 + 900 + 120);
    expect(publishedKeys(many, POLICY, now)).toEqual([open, next, long]);
    const [, second, third] = leaving;
    const raised = { ...POLICY, clockSkew: seconds(600) };
    expect(publishedKeys(many, raised, now)).toEqual([open, next, long, third, second]);
  });

  test('is judged at what is recorded when a clock is behind it', () => {
    expect(asOf(keys, at(700))).toEqual(at(700));
    expect(asOf(keys, at(550))).toEqual(at(600));
    expect(asOf([], at(550))).toEqual(at(550));
    expect(asOf([open], at(50))).toEqual(at(100));
    expect(activeKey([old, open, next], POLICY, at(450))).toBe(open);
    expect(publishedKeys([stolen, open, next], POLICY, at(450))).not.toContain(stolen);
  });

  test('rotates next when the interval is over, or when the next key may sign', () => {
    const interval = (n: number) => ({ ...POLICY, keyRotationInterval: seconds(n) });
    expect(nextRotationAt(keys, interval(200_000))).toEqual(at(500 + 200_000));
    expect(nextRotationAt(keys, interval(10))).toEqual(at(500 + 86_790));
    expect(nextRotationAt([open], POLICY)).toBeNull();
    expect(nextRotationAt([next], POLICY)).toBeNull();
  });
});
