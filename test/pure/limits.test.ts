import { describe, expect, test } from 'vitest';
import { rateLimitHeaders } from '../../src/issuer/limits/headers.ts';
import { networkOf } from '../../src/issuer/limits/network.ts';
import { rules } from '../../src/issuer/limits/policy.ts';
import { createMemory, oncePerMinute } from '../../src/issuer/limits/refusals.ts';
import { after, milliseconds, seconds } from '../../src/kit/duration.ts';
import { AppError, invalidRequest, unavailable } from '../../src/kit/errors.ts';
import { createReservations } from '../../src/kit/reservations.ts';

const NOW = new Date('2026-01-01T00:00:00Z');

describe('the network of an address', () => {
  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2::7', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:0002:0:0:0:7', '2001:db8:1:2::/64'],
    ['2001:db8::7', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['64:ff9b::203.0.113.7', '203.0.113.7'],
    ['64:ff9b::cb00:7108', '203.0.113.8'],
    ['unknown', 'unknown'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});

test('sixty calls of each kind are let through from one network, at once and a minute', () => {
  for (const registerMails of [false, true]) {
    for (const { network } of Object.values(rules(registerMails))) {
      expect(network.burst).toBeGreaterThanOrEqual(60);
      expect(60_000 / network.interval).toBeGreaterThanOrEqual(60);
    }
  }
});

test('who registers by mail gets less mail than who registers without', () => {
  const [without, by] = [rules(false).register.account, rules(true).register.account];
  expect(by?.here.burst).toBeLessThan(without?.here.burst ?? 0);
  expect(by).toEqual(rules(true).forgot.account);
});

test('headers round up, so that nobody comes back too early', () => {
  const quota = { name: 'login-network', quota: 60, window: seconds(60), remaining: 0 };
  expect(rateLimitHeaders({ ...quota, reset: milliseconds(1001) })).toEqual({
    'RateLimit-Policy': '"login-network";q=60;w=60',
    RateLimit: '"login-network";r=0;t=2',
  });
});

describe('the memory of refusals', () => {
  test('forgets with time', () => {
    const memory = createMemory();
    memory.remember('a', after(NOW, seconds(1)), NOW);
    expect(memory.until('a', NOW)).toEqual(after(NOW, seconds(1)));
    expect(memory.until('a', after(NOW, seconds(1)))).toBeUndefined();
    expect(memory.until('b', NOW)).toBeUndefined();
  });

  test('forgets what a clock remembered that has been set back since', () => {
    const memory = createMemory();
    memory.remember('a', after(NOW, seconds(1)), NOW);
    expect(memory.until('a', after(NOW, seconds(-1)))).toBeUndefined();
  });

  test('forgets the oldest when there are too many', () => {
    const memory = createMemory(2);
    for (const key of ['a', 'b', 'a', 'c']) memory.remember(key, after(NOW, seconds(1)), NOW);
    expect(['a', 'b', 'c'].filter((key) => memory.until(key, NOW))).toEqual(['a', 'c']);
  });

  test('tells once a minute', () => {
    const isNews = oncePerMinute();
    const at = (s: number) => isNews('a', after(NOW, seconds(s)));
    expect([at(0), at(0), at(59), at(60), at(61)]).toEqual([true, false, false, true, false]);
    expect(isNews('b', NOW)).toBe(true);
  });
});

describe('reservations', () => {
  const lost = () => new AppError(invalidRequest);

  test('the others of a key lose when one succeeds, and never begin', async () => {
    const { run } = createReservations();
    const begun: number[] = [];
    const all = Array.from({ length: 20 }, (_, i) =>
      run('key', lost, async () => {
        begun.push(i);
        await Promise.resolve();
        return i;
      }),
    );
    const ends = await Promise.allSettled(all);
    expect(begun).toEqual([0]);
    expect(ends[0]).toEqual({ status: 'fulfilled', value: 0 });
    expect(ends.slice(1).every((end) => end.status === 'rejected')).toBe(true);
  });

  test('after a failure the next has its turn, one at a time', async () => {
    const { run } = createReservations();
    let underWay = 0;
    const work = (i: number) => async () => {
      underWay += 1;
      expect(underWay).toBe(1);
      await Promise.resolve();
      underWay -= 1;
      if (i < 3) throw new Error('gone');
      return i;
    };
    const ends = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => run('key', lost, work(i))));
    expect(ends.map(({ status }) => status === 'fulfilled')).toEqual([
      ...[false, false, false],
      ...[true, false],
    ]);
    expect(ends[4]).toMatchObject({ reason: { code: 'invalid_request' } });
  });

  test('a 503 is shared: the next would meet it as well', async () => {
    const { run } = createReservations();
    let begun = 0;
    const work = async () => {
      begun += 1;
      await Promise.resolve();
      throw new AppError(unavailable);
    };
    const ends = await Promise.allSettled([0, 1, 2].map(() => run('key', lost, work)));
    expect(begun).toBe(1);
    for (const end of ends) expect(end).toMatchObject({ reason: { code: 'unavailable' } });
  });

  test('keys do not wait for each other, and a key is free again afterwards', async () => {
    const { run } = createReservations();
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = run('a', lost, () => promise);
    expect(await run('b', lost, async () => 'b')).toBe('b');
    resolve('a');
    expect(await first).toBe('a');
    expect(await run('a', lost, async () => 'again')).toBe('again');
  });
});
