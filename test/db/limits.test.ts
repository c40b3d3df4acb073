import { describe, expect, test } from 'vitest';
import { terms } from '../../src/issuer/limits/machine.ts';
import { FREE_FAILURES, type Rate } from '../../src/issuer/limits/policy.ts';
import { deleteForgottenRuns, deleteFullBuckets, takeOne } from '../../src/issuer/limits/store.ts';
import { after, type Duration, milliseconds, seconds } from '../../src/kit/duration.ts';
import { DRIVERS } from '../support/databases.ts';
import { ANN, DAY, from, limitsWorld, network, outcome } from '../support/limits-world.ts';

describe.each(DRIVERS)('the limits on $name', (driver) => {
  const world = limitsWorld(driver);
  const { pass, take, fail, logIn, sql } = world;

  test('the statement does what the machine says', async () => {
    const rate: Rate = { burst: 3, interval: milliseconds(700) };
    const key = Buffer.from('a key');
    let fullAt: Date | undefined;
    // The same pauses each time, of all kinds.
    for (let i = 0; i < 60; i++) {
      pass(milliseconds([0, 0, 0, 350, 699, 1, 0, 1400, 5000, -70_000][i % 10] ?? 0));
      const { first, latest, impossible } = terms(rate, world.now);
      const allowed = !fullAt || fullAt <= latest || fullAt > impossible;
      const bounded = fullAt && fullAt > impossible ? latest : fullAt;
      if (allowed) fullAt = bounded && bounded > world.now ? after(bounded, rate.interval) : first;
      expect(await takeOne(world.database.db, { key, rate }, world.now)).toEqual({
        allowed,
        fullAt,
      });
    }
  });

  test('a clock that was fast and is put right locks nobody out', async () => {
    for (let i = 0; i < 60; i++) await take('verify', network(1));
    pass(seconds(3600));
    for (let i = 0; i < 61; i++) await take('verify', network(1));
    pass(seconds(-3600));
    expect(await take('verify', network(1))).toBe('ok');
    // It is as empty as it was then, and fills as ever.
    expect(await take('verify', network(1))).toBe('rate_limited verify-network');
    pass(seconds(1));
    expect(await take('verify', network(1))).toBe('ok');
  });

  test('wrong passwords that a fast clock has counted lock nobody out, and are not added to', async () => {
    pass(DAY);
    await fail(network(1), FREE_FAILURES);
    expect(await world.tryOnce(network(1), ANN)).toMatch(/^rate_limited/);
    pass(-DAY as Duration);
    for (let i = 0; i < FREE_FAILURES; i++) {
      await fail(network(1));
      // The network's bucket is empty, and fills.
      pass(seconds(1));
    }
    expect(await world.tryOnce(network(1), ANN)).toMatch(/^rate_limited/);
    pass(seconds(29));
    expect(await world.tryOnce(network(1), ANN)).toBe('ok');
  });

  test('of two hundred at once by three processes, sixty get through', async () => {
    const crowd = [world.limits(), world.another(), world.another()];
    const ends = await Promise.all(
      Array.from({ length: 201 }, (_, i) =>
        outcome((crowd[i % 3] ?? world.limits()).take('verify', { origin: network(1) }, world.now)),
      ),
    );
    expect(ends.filter((end) => end === 'ok')).toHaveLength(60);
    expect(ends.filter((end) => end === 'rate_limited verify-network')).toHaveLength(141);
  });

  test('a bucket refills with time, and others are not touched', async () => {
    for (let i = 0; i < 60; i++) await take('verify', network(1));
    expect(await take('verify', network(1))).toBe('rate_limited verify-network');
    expect(await take('verify', network(2))).toBe('ok');
    expect(await take('forgot', network(1))).toBe('ok');
    pass(milliseconds(999));
    expect(await take('verify', network(1))).toBe('rate_limited verify-network');
    pass(milliseconds(1));
    expect(await take('verify', network(1))).toBe('ok');
    expect(await take('verify', network(1))).toBe('rate_limited verify-network');
  });

  test('what is refused surely costs no statement, and one event a minute', async () => {
    for (let i = 0; i < 61; i++) await take('verify', network(1));
    await sql('DELETE FROM rate_buckets');
    // Only this process remembers.
    expect(await take('verify', network(1))).toBe('rate_limited verify-network');
    for (let i = 0; i < 11; i++) await take('forgot', network(2), ANN);
    await sql('DELETE FROM rate_buckets');
    expect(await take('forgot', network(2), ANN)).toBe('rate_limited forgot-account');
    expect(world.events).toEqual([
      `verify network ${network(1).address}`,
      `forgot account ${network(2).address}`,
    ]);
    pass(seconds(60));
    for (let i = 0; i < 61; i++) await take('verify', network(1));
    expect(world.events).toHaveLength(3);
  });

  test('each network that guesses is told of, whatever was told of others', async () => {
    for (const n of [1, 2]) {
      await fail(network(n), 10);
      for (let i = 0; i < 2; i++) {
        expect(await world.tryOnce(network(n))).toBe('rate_limited password-tries');
      }
    }
    expect(world.events).toEqual([1, 2].map((n) => `login password ${network(n).address}`));
  });

  test('a refusal says when to come back', async () => {
    for (let i = 0; i < 60; i++) await take('verify', network(1));
    await expect(
      world.limits().take('verify', { origin: network(1) }, world.now),
    ).rejects.toMatchObject({
      status: 429,
      extras: {
        retryAfter: 1,
        headers: {
          'RateLimit-Policy': '"verify-network";q=60;w=60',
          RateLimit: '"verify-network";r=0;t=1',
        },
      },
    });
  });

  test('what is let through says what is left', async () => {
    await take('verify', network(1));
    expect(await world.limits().take('verify', { origin: network(1) }, world.now)).toEqual({
      'RateLimit-Policy': '"verify-network";q=60;w=60',
      RateLimit: '"verify-network";r=58;t=2',
    });
  });

  test('the addresses of one IPv6 network share a bucket, others do not', async () => {
    for (let i = 0; i < 60; i++) await take('verify', from(`2001:db8:0:1::${i}`));
    expect(await take('verify', from('2001:db8:0:1:a::1'))).toBe('rate_limited verify-network');
    expect(await take('verify', from('2001:db8:0:2::1'))).toBe('ok');
  });

  test('an account has its own limit, from one network and from all that are strange', async () => {
    for (let i = 0; i < 10; i++) expect(await take('forgot', network(1), ANN)).toBe('ok');
    expect(await take('forgot', network(1), ANN)).toBe('rate_limited forgot-account');
    expect(await take('forgot', network(1), 'bob@example.com')).toBe('ok');
    // A network that is known takes nothing from what strange ones share.
    await logIn(network(99));
    for (let i = 0; i < 9; i++) expect(await take('forgot', network(99), ANN)).toBe('ok');
    for (let i = 2; i < 22; i++) expect(await take('forgot', network(i), ANN)).toBe('ok');
    expect(await take('forgot', network(50), ANN)).toBe('rate_limited forgot-account');
    // Where it logged in before, its owner is let through, as often as from any one network.
    expect(await take('forgot', network(99), ANN)).toBe('ok');
    expect(await take('forgot', network(99), ANN)).toBe('rate_limited forgot-account');
    // After a year it is as strange as any.
    pass((365 * DAY) as Duration);
    for (let i = 0; i < 30; i++) expect(await take('forgot', network(i), ANN)).toBe('ok');
    expect(await take('forgot', network(99), ANN)).toBe('rate_limited forgot-account');
  });

  test('mails to an address that others ask for take nothing from its own', async () => {
    const mail = (n: number, account: string, recipient?: string) =>
      outcome(world.limits().takeMail({ origin: network(n), account, recipient }, world.now));
    for (let i = 0; i < 30; i++) expect(await mail(i, `user-${i}@example.com`, ANN)).toBe('ok');
    // Where Bob has logged in before, he is no less a stranger to her.
    await logIn(network(40), 'bob@example.com');
    expect(await mail(40, 'bob@example.com', ANN)).toBe('rate_limited account_mail-account');
    expect(await mail(50, ANN)).toBe('ok');
  });

  test('a network that is refused takes nothing from the accounts', async () => {
    for (let i = 0; i < 60; i++) await take('forgot', network(1), `user-${i}@example.com`);
    for (let i = 0; i < 100; i++) await take('forgot', network(1), ANN);
    world.restart();
    for (let i = 0; i < 100; i++) {
      await take('forgot', network(1), ANN);
    }
    for (let i = 2; i < 32; i++) expect(await take('forgot', network(i), ANN)).toBe('ok');
  });

  test('calls leave the indexes as they are: each is a heap-only update', async () => {
    const rate: Rate = { burst: 3, interval: milliseconds(700) };
    const pages = async () => {
      const text = `SELECT (pg_indexes_size('rate_buckets') / 8192)::int AS pages`;
      return (await sql<{ pages: number }>(text))[0]?.pages ?? 0;
    };
    const call = async (i: number) => {
      pass(seconds(1));
      const key = Buffer.from(`bucket ${i % 40}`);
      await takeOne(world.database.db, { key, rate }, world.now);
    };
    for (let i = 0; i < 40; i++) await call(i);
    const before = await pages();
    expect(before).toBeGreaterThan(0);
    for (let i = 0; i < 2000; i++) await call(i);
    // Dead versions are pruned in place, unless an autovacuum holds that up for a moment; an index
    // on what calls write would have six pages more.
    expect(await pages()).toBeLessThanOrEqual(before + 2);
  });

  test('no address and no network is in the tables as it is', async () => {
    await take('forgot', from('203.0.113.77'), ANN);
    await fail(from('203.0.113.77'));
    const buckets = await sql<{ key: Buffer }>('SELECT key FROM rate_buckets');
    const runs = await sql<{ account: Buffer; network: Buffer }>(
      'SELECT account, network FROM password_runs',
    );
    const all = [
      ...buckets.map(({ key }) => key),
      ...runs.flatMap(({ account, network: of }) => [account, of]),
    ];
    expect(all.length).toBe(4 + 4);
    for (const bytes of all) {
      expect(Buffer.from(bytes).toString('latin1')).not.toMatch(/ann|203\.0|example/);
      expect([0, 16]).toContain(bytes.length);
    }
  });

  test('a network is known as long with wrong passwords from there as without any', async () => {
    await fail(network(1));
    await logIn(network(1));
    await fail(network(1));
    pass(((365 * DAY) / 2) as Duration);
    expect(await deleteForgottenRuns(world.database.db, world.now, 9)).toBe(0);
  });

  test('rows past use are deleted in batches, others kept', async () => {
    await logIn(network(1));
    for (let i = 0; i < 5; i++) await take('verify', network(i));
    await fail(network(2), 1, 'bob@example.com');
    const count = async () => {
      const text = `SELECT (SELECT count(*)::int FROM rate_buckets) AS buckets,
        (SELECT count(*)::int FROM password_runs) AS runs`;
      return (await sql<{ buckets: number; runs: number }>(text))[0];
    };
    expect(await count()).toEqual({ buckets: 7, runs: 3 });
    expect(await deleteFullBuckets(world.database.db, world.now, 9)).toBe(0);
    pass(seconds(2));
    expect(await deleteFullBuckets(world.database.db, world.now, 4)).toBe(4);
    expect(await deleteFullBuckets(world.database.db, world.now, 4)).toBe(3);
    expect(await deleteForgottenRuns(world.database.db, world.now, 4)).toBe(0);
    expect(await count()).toEqual({ buckets: 0, runs: 3 });
    // Bob's run at that network; then the account's own, and the network that Ann logged in from.
    pass(DAY);
    expect(await deleteForgottenRuns(world.database.db, world.now, 4)).toBe(1);
    pass((365 * DAY) as Duration);
    expect(await deleteForgottenRuns(world.database.db, world.now, 1)).toBe(1);
    expect(await deleteForgottenRuns(world.database.db, world.now, 4)).toBe(1);
    expect(await count()).toEqual({ buckets: 0, runs: 0 });
  });
});
