import { beforeEach, describe, expect, test } from 'vitest';
import { emergencyTime, publishedKeys, waitingKey } from '../../src/issuer/keys/life-cycle.ts';
import { decide } from '../../src/issuer/keys/machine.ts';
import { elapsed, milliseconds, seconds, times } from '../../src/kit/duration.ts';
import { createScene, FORCE, POLICY, revoke, TICK } from '../support/key-scene.ts';

let scene: ReturnType<typeof createScene>;
beforeEach(() => {
  scene = createScene();
});

describe('a revocation', () => {
  test('of the active key lets next sign at once, and an unseen key after lease and edge', () => {
    scene.world.run(revoke('key-1'));
    expect(scene.states()).toEqual({
      'key-1': 'revoked',
      'key-2': 'active',
      'key-3': 'next',
      'key-4': 'next',
    });
    scene.world.advance(milliseconds(emergencyTime(POLICY) - 1));
    expect(scene.states()).toMatchObject({ 'key-2': 'active', 'key-3': 'next' });
    scene.world.advance(milliseconds(1));
    expect(scene.states()).toMatchObject({
      'key-2': 'retiring',
      'key-3': 'active',
      'key-4': 'next',
    });
  });

  test('now lets an unseen key sign at once, and next wait on', () => {
    scene.world.run(revoke('key-1', { now: true }));
    expect(scene.states()).toEqual({ 'key-1': 'revoked', 'key-2': 'next', 'key-3': 'active' });
  });

  test('of a waiting key replaces it', () => {
    scene.world.run(revoke('key-2'));
    expect(scene.states()).toEqual({ 'key-1': 'active', 'key-2': 'revoked', 'key-3': 'next' });
  });

  test('of a retiring key with five published makes room for the next key that was missing', () => {
    scene.crowd();
    scene.world.run(revoke('key-4'));
    expect(waitingKey(scene.world.keys())).toBeUndefined();
    scene.world.run(revoke('key-1'));
    expect(waitingKey(scene.world.keys())?.kid).toBe('key-7');
  });

  const published = () => {
    const { world } = scene;
    return publishedKeys(world.keys(), world.settings(), world.now()).map(
      ({ kid }) => kid as string,
    );
  };

  /** Five are published, and a sixth would be again under the settings of now. */
  function bringBackSixth(): void {
    const { world } = scene;
    scene.crowd();
    world.run(revoke('key-4'));
    world.advance(elapsed(world.now(), scene.leavesAt('key-1')));
    world.run(TICK);
    world.configure({ clockSkew: seconds(600) });
  }

  test('of a key that is not published, since it would be a sixth, makes no room for a next one', () => {
    const { world } = scene;
    bringBackSixth();
    world.run(revoke('key-6'));
    expect(waitingKey(world.keys())).toBeUndefined();
    expect(published()).toHaveLength(5);
    expect(published()).not.toContain('key-1');
    const before = published();
    expect(world.run(revoke('key-1')).kind).toBe('change');
    expect(published()).toEqual(before);
  });

  test('of all keys leaves a fresh pair', () => {
    scene.crowd();
    scene.world.run({ kind: 'revoke_all' });
    expect(Object.values(scene.states()).sort()).toEqual([
      'active',
      'next',
      ...Array.from({ length: 5 }, () => 'revoked'),
    ]);
  });

  test('of all keys publishes none that was kept back as the sixth', () => {
    bringBackSixth();
    expect(published()).not.toContain('key-1');
    scene.world.run({ kind: 'revoke_all' });
    expect(published()).toEqual(['key-8', 'key-9']);
  });

  test('of all keys makes none where there are none yet', () => {
    const refused = { kind: 'refuse', reason: 'no_keys', retryAt: null };
    expect(decide({ kind: 'revoke_all' }, [], POLICY, scene.world.now())).toEqual(refused);
  });

  test('of a key that is revoked or gone changes nothing, of an unknown one is refused', () => {
    scene.world.run(revoke('key-2'));
    expect(scene.world.run(revoke('key-2'))).toEqual({ kind: 'nothing', reason: 'already_so' });
    scene.world.run(FORCE);
    scene.world.advance(times(9, seconds(86_400)));
    expect(scene.world.run(revoke('key-1'))).toEqual({ kind: 'nothing', reason: 'already_so' });
    expect(scene.outcome(revoke('key-99'))).toEqual({ unknown_kid: null });
  });
});

describe('a second emergency within the first', () => {
  beforeEach(() => {
    scene.world.run(revoke('key-1'));
    scene.world.advance(seconds(100));
  });

  test('the key that steps in is revoked: the dated one goes first, an unseen one after it', () => {
    scene.world.run(revoke('key-2'));
    expect(scene.states()).toMatchObject({
      'key-2': 'revoked',
      'key-3': 'active',
      'key-5': 'next',
    });
    expect(scene.find('key-3').retiredAt).toEqual(scene.fromNow(emergencyTime(POLICY)));
    expect(waitingKey(scene.world.keys())?.kid).toBe('key-4');
  });

  test('the same now: the dated key signs at once and no date is left', () => {
    scene.world.run(revoke('key-2', { now: true }));
    expect(scene.states()).toMatchObject({ 'key-3': 'active', 'key-4': 'next' });
    expect(scene.find('key-3').retiredAt).toBeNull();
  });

  test('the dated key is revoked: the waiting one, published with it, takes its date', () => {
    const handover = scene.find('key-3').activatedAt;
    scene.world.run(revoke('key-3'));
    expect(scene.find('key-4').activatedAt).toEqual(handover);
    expect(scene.find('key-2').retiredAt).toEqual(handover);
    expect(waitingKey(scene.world.keys())?.kid).toBe('key-5');
  });

  test('a waiting key that not every cache has takes a later date, and the one before signs on', () => {
    const known = scene.fromNow(emergencyTime(POLICY));
    scene.world.run(revoke('key-4'));
    scene.world.advance(seconds(200));
    scene.world.run(revoke('key-3'));
    expect(scene.find('key-5').activatedAt).toEqual(known);
    expect(scene.find('key-2').retiredAt).toEqual(known);
  });
});

describe('with five published keys', () => {
  beforeEach(() => {
    scene.crowd();
    scene.world.run(revoke('key-4'));
    scene.world.advance(seconds(100));
  });

  test('a dated key that is revoked is followed by an unseen one', () => {
    scene.world.run(revoke('key-6'));
    expect(scene.find('key-7').activatedAt).toEqual(scene.fromNow(emergencyTime(POLICY)));
    expect(scene.find('key-5').retiredAt).toEqual(scene.fromNow(emergencyTime(POLICY)));
  });

  test('now, the dated key signs at once and the free place goes to a next key', () => {
    scene.world.run(revoke('key-5', { now: true }));
    expect(scene.states()).toMatchObject({ 'key-6': 'active', 'key-7': 'next' });
  });

  test('an active key without a successor is followed by one that nobody has seen', () => {
    scene.world.advance(emergencyTime(POLICY));
    scene.world.run(revoke('key-6'));
    expect(scene.states()).toMatchObject({ 'key-6': 'revoked', 'key-7': 'active' });
    expect(waitingKey(scene.world.keys())).toBeUndefined();
  });
});
