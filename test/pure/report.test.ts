import { describe, expect, test } from 'vitest';
import { reportKeys } from '../../src/issuer/keys/report.ts';
import type { StoredKey } from '../../src/issuer/keys/store.ts';
import { after, type Duration, seconds, sum } from '../../src/kit/duration.ts';
import { createScene, POLICY, ROTATE, revoke } from '../support/key-scene.ts';

const PROPAGATION = seconds(86_400 + 300 + 60 + 60);

/** What is reported of a scene, by a clock that is off by so much. */
function reported({ world }: ReturnType<typeof createScene>, skew: Duration = seconds(0)) {
  const keys = world.keys().map((key) => ({ ...key, bits: 2048 })) as unknown as StoredKey[];
  const { keys: rows, ...rest } = reportKeys(keys, POLICY, after(world.now(), skew), false);
  return { ...rest, states: rows.map(({ kid, state }) => `${kid} ${state}`), rows };
}

describe('the report of the keys', () => {
  test('names what signs, what will, and what is still published', () => {
    const scene = createScene();
    scene.world.advance(PROPAGATION);
    scene.world.run(ROTATE);
    const now = scene.world.now();
    expect(reported(scene)).toMatchObject({
      changed: false,
      active: 'key-2',
      next: 'key-3',
      retiring: ['key-1'],
      next_rotation_at: after(now, POLICY.keyRotationInterval),
      states: ['key-2 active', 'key-3 next', 'key-1 retiring'],
    });
    expect(reported(scene).rows[2]).toMatchObject({
      bits: 2048,
      retired_at: now,
      gone_at: scene.leavesAt('key-1'),
      revoked_at: null,
    });
  });

  test('puts what is gone last, the latest first', () => {
    const scene = createScene();
    scene.crowd();
    const leaves = scene.leavesAt('key-3');
    scene.world.advance(sum(POLICY.accessTokenTtl, seconds(300)));
    expect(leaves.getTime()).toBeLessThan(scene.world.now().getTime());
    expect(reported(scene)).toMatchObject({
      retiring: [],
      states: ['key-4 active', 'key-5 next', 'key-3 gone', 'key-2 gone', 'key-1 gone'],
    });
  });

  test('calls next what will sign next: after a revocation the fresh key, not the waiting one', () => {
    const scene = createScene();
    scene.world.run(revoke('key-1'));
    expect(reported(scene)).toMatchObject({
      active: 'key-2',
      next: 'key-3',
      next_rotation_at: after(scene.world.now(), sum(seconds(360), POLICY.keyRotationInterval)),
    });
    const dated = reported(scene).rows.find(({ kid }) => kid === 'key-3');
    expect(dated).toMatchObject({ state: 'next', activated_at: scene.fromNow(seconds(360)) });
    expect(reported(scene).rows.find(({ kid }) => kid === 'key-1')).toMatchObject({
      state: 'revoked',
      gone_at: scene.world.now(),
      revoked_at: scene.world.now(),
    });
    scene.world.advance(seconds(360));
    expect(reported(scene)).toMatchObject({ active: 'key-3', next: 'key-4' });
  });

  test('of keys that were revoked before their dates has only what came to be', () => {
    const scene = createScene();
    const started = scene.world.now();
    scene.world.advance(PROPAGATION);
    scene.world.run(ROTATE);
    const rotated = scene.world.now();
    scene.world.advance(seconds(1));
    scene.world.run(revoke('key-2'));
    const first = scene.world.now();
    scene.world.advance(seconds(5));
    scene.world.run({ kind: 'revoke_all' });
    const second = scene.world.now();
    const dates = Object.fromEntries(
      reported(scene).rows.map((key) => [key.kid, [key.activated_at, key.retired_at]]),
    );
    expect(dates).toMatchObject({
      'key-1': [started, rotated],
      'key-2': [rotated, first],
      // It was to sign until the fresh key was known everywhere, which never signed.
      'key-3': [first, second],
      'key-4': [null, null],
    });
  });

  test('of a clock that is behind shows what has happened already', () => {
    const scene = createScene();
    scene.world.advance(PROPAGATION);
    scene.world.run(ROTATE);
    const behind = reported(scene, seconds(-30));
    expect(behind).toEqual(reported(scene));
  });

  test('of no keys is empty', () => {
    expect(reportKeys([], POLICY, new Date(0), true)).toEqual({
      changed: true,
      active: null,
      next: null,
      retiring: [],
      next_rotation_at: null,
      keys: [],
    });
  });
});
