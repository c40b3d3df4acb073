import { describe, expect, test, vi } from 'vitest';
import { execute } from '../../src/db/statement.ts';
import { LONGEST_RUN } from '../../src/issuer/limits/policy.ts';
import { milliseconds } from '../../src/kit/duration.ts';
import type { AppError } from '../../src/kit/errors.ts';
import { DRIVERS } from '../support/databases.ts';
import { ANN, DAY, limitsWorld, network } from '../support/limits-world.ts';
import { WAIT } from '../support/server-process.ts';

describe.each(DRIVERS)('wrong passwords in a row on $name', (driver) => {
  const world = limitsWorld(driver);
  const { pass, attempt, tryOnce, fail, logIn, sql } = world;

  test('guesses from one network make that one wait, longer each time', async () => {
    await fail(network(1), 10);
    expect(await tryOnce(network(1))).toBe('rate_limited password-tries');
    expect(await tryOnce(network(2))).toBe('ok');
    expect(await tryOnce(network(1), 'bob@example.com')).toBe('ok');
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const refusal = await attempt(network(1)).catch((error: AppError) => error);
      const wait = 'extras' in refusal ? (refusal.extras.retryAfter ?? 0) : 0;
      waits.push(wait);
      pass(milliseconds(wait * 1000 - 1));
      expect(await tryOnce(network(1))).toBe('rate_limited password-tries');
      pass(milliseconds(1));
      await fail(network(1));
    }
    expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    pass(DAY);
    await fail(network(1), 10);
    expect(await tryOnce(network(1))).toBe('rate_limited password-tries');
  });

  test('a right password ends the run of its network', async () => {
    await fail(network(1), 9);
    await logIn(network(1));
    await fail(network(1), 9);
    expect(await tryOnce(network(1))).toBe('ok');
  });

  test('a hundred in a row keep strange networks out, but no known one', async () => {
    await logIn(network(200));
    for (let i = 0; i < LONGEST_RUN - 1; i++) await fail(network(i >> 2));
    expect(await tryOnce(network(300))).toBe('ok');
    await fail(network(300));
    // Another process sees the same: nothing of this is in memory.
    world.restart();
    expect(await tryOnce(network(301))).toBe('rate_limited password-tries');
    expect(await tryOnce(network(301), 'bob@example.com')).toBe('ok');
    pass(DAY);
    expect(await tryOnce(network(301))).toBe('rate_limited password-tries');
    expect(world.events).toContain(`login password ${network(301).address}`);
    await logIn(network(200));
    // In a row no longer.
    expect(await tryOnce(network(301))).toBe('ok');
  });

  test('after a reset its network is known, and others wait on', async () => {
    await logIn(network(50));
    await fail(network(50), 10);
    for (let i = 0; i < LONGEST_RUN - 10; i++) await fail(network(Math.floor(i / 10)));
    const who = { origin: network(99), account: ANN };
    await world.database.transaction((tx) => world.limits().noteReset(tx, who, world.now));
    expect(await tryOnce(network(98))).toBe('ok');
    expect(await tryOnce(network(50))).toBe('ok');
    // Who guessed before has not got his tries anew.
    expect(await tryOnce(network(0))).toBe('rate_limited password-tries');
    for (let i = 0; i < LONGEST_RUN; i++) await fail(network(300 + (i >> 2)));
    expect(await tryOnce(network(99))).toBe('ok');
    expect(await tryOnce(network(98))).toBe('rate_limited password-tries');
    // Whoever logged in from there may have been somebody else.
    expect(await tryOnce(network(50))).toBe('rate_limited password-tries');
  });

  test('an address that is given up begins afresh', async () => {
    for (let i = 0; i < LONGEST_RUN; i++) await fail(network(i >> 3));
    expect(await tryOnce(network(0))).toBe('rate_limited password-tries');
    await world.database.transaction((tx) => world.limits().forget(tx, ANN));
    expect(await tryOnce(network(0))).toBe('ok');
    expect(await sql('SELECT * FROM password_runs')).toEqual([]);
  });

  test('an account that was opened from a network knows it', async () => {
    const who = { origin: network(7), account: ANN };
    await world.database.transaction((tx) => world.limits().noteNetwork(tx, who, world.now));
    for (let i = 0; i < LONGEST_RUN; i++) await fail(network(300 + (i >> 2)));
    expect(await tryOnce(network(7))).toBe('ok');
    expect(await tryOnce(network(8))).toBe('rate_limited password-tries');
  });

  test('what a rolled back login noted is not known', async () => {
    const tried = await attempt(network(1));
    const undone = world.database.transaction(async (tx) => {
      await tried.right(tx, world.now);
      throw new Error('no session');
    });
    await expect(undone).rejects.toThrow('no session');
    expect(await sql('SELECT * FROM password_runs')).toEqual([]);
  });

  test('a login from a known network, with no run to end, writes nothing', async () => {
    await logIn(network(1));
    const rows = () => sql('SELECT xmin::text, ctid::text FROM password_runs');
    const written = await rows();
    await logIn(network(1));
    expect(await rows()).toEqual(written);
    pass(DAY);
    await logIn(network(1));
    expect(await rows()).not.toEqual(written);
  });

  test('a crowd of failures, logins and resets of one account comes to an end', async () => {
    const crowd = [world.limits(), world.another(), world.another()];
    const works = Array.from({ length: 90 }, async (_, i) => {
      const who = { origin: network(i % 5), account: ANN };
      const of = crowd[i % 3] ?? world.limits();
      if (i % 9 === 0) return world.database.transaction((tx) => of.forget(tx, ANN));
      const tried = await of.tryPassword('login', who, world.now);
      if (i % 2 === 0) await tried.wrong(world.now);
      else await world.database.transaction((tx) => tried.right(tx, world.now));
    });
    const ends = await Promise.allSettled(works);
    const strange = ends
      .filter((end) => end.status === 'rejected')
      .filter(({ reason }) => (reason as AppError).code !== 'rate_limited');
    expect(strange).toEqual([]);
  });

  // The embedded database has one connection, so nobody waits for a row there.
  const onPostgres = driver.kind === 'postgres' ? test : undefined;
  onPostgres?.('forgetting locks rows in the order of counting', async () => {
    await fail(network(1));
    const begin = Promise.withResolvers<void>();
    const forgetting = begin.promise.then(() =>
      world.database.transaction((tx) => world.limits().forget(tx, ANN)),
    );
    await world.database.transaction(async (tx) => {
      await execute(tx, `UPDATE password_runs SET failures = 2 WHERE network <> ''`);
      begin.resolve();
      await vi.waitFor(async () => {
        const waiting = await execute(
          tx,
          `SELECT FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(waiting.rows).toHaveLength(1);
      }, WAIT);
      await execute(tx, `UPDATE password_runs SET failures = 2 WHERE network = ''`);
    });
    await forgetting;
    expect(await sql('SELECT * FROM password_runs')).toEqual([]);
  });
});
