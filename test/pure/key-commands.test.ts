import { beforeEach, describe, expect, test } from 'vitest';
import { emergencyTime, propagationTime, waitingKey } from '../../src/issuer/keys/life-cycle.ts';
import { decide } from '../../src/issuer/keys/machine.ts';
import { elapsed, after as later, milliseconds, seconds } from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';
import { createScene, FORCE, IF_DUE, POLICY, ROTATE, revoke, TICK } from '../support/key-scene.ts';

let scene: ReturnType<typeof createScene>;
beforeEach(() => {
  scene = createScene();
});

test('the first tick makes a key that signs and one that waits', () => {
  expect(scene.states()).toEqual({ 'key-1': 'active', 'key-2': 'next' });
});

describe('a rotation', () => {
  test('moves every key on and publishes a new one', () => {
    scene.world.advance(propagationTime(POLICY));
    scene.world.run(ROTATE);
    expect(scene.states()).toEqual({ 'key-1': 'retiring', 'key-2': 'active', 'key-3': 'next' });
  });

  test('waits for the propagation time, to the millisecond, unless it is forced', () => {
    const safeAt = scene.fromNow(propagationTime(POLICY));
    scene.world.advance(milliseconds(propagationTime(POLICY) - 1));
    expect(scene.outcome(ROTATE)).toEqual({ next_too_young: safeAt });
    expect(scene.outcome(FORCE)).toBe('change');
  });

  test('that is not due does nothing, before anything is refused', () => {
    scene.world.advance(milliseconds(POLICY.keyRotationInterval - 1));
    expect(scene.world.run(IF_DUE)).toEqual({ kind: 'nothing', reason: 'not_due' });
    scene.world.advance(milliseconds(1));
    expect(scene.world.run(IF_DUE).kind).toBe('change');
    expect(scene.world.run({ kind: 'rotate', ifDue: true, force: true })).toEqual({
      kind: 'nothing',
      reason: 'not_due',
    });
  });

  test('that is due while its next key is too young is simply not due for a run that comes again', () => {
    scene.world.advance(milliseconds(POLICY.keyRotationInterval - 1));
    scene.world.run(revoke('key-2'));
    scene.world.advance(milliseconds(1));
    expect(scene.world.run(TICK)).toEqual({ kind: 'nothing', reason: 'not_due' });
    scene.world.advance(propagationTime(POLICY));
    expect(scene.world.run(TICK).kind).toBe('change');
  });

  test('never publishes a sixth key, forced or not', () => {
    scene.crowd();
    scene.world.advance(propagationTime(POLICY));
    const leavesAt = scene.leavesAt('key-1');
    expect(scene.outcome(ROTATE)).toEqual({ too_many_published: leavesAt });
    expect(scene.outcome(FORCE)).toEqual({ too_many_published: leavesAt });
  });

  test('is refused while an emergency is under way, and is simply not due by the clock', () => {
    scene.world.run(revoke('key-1'));
    expect(scene.outcome(FORCE)).toEqual({
      change_in_progress: scene.fromNow(emergencyTime(POLICY)),
    });
    expect(scene.world.run(IF_DUE)).toEqual({ kind: 'nothing', reason: 'not_due' });
  });

  test('without a next key says when one can be had, and when it is safe', () => {
    scene.crowd();
    scene.world.run(revoke('key-4'));
    scene.world.advance(emergencyTime(POLICY));
    expect(waitingKey(scene.world.keys())).toBeUndefined();
    const room = scene.leavesAt('key-1');
    expect(scene.outcome(ROTATE)).toEqual({ no_next_key: later(room, propagationTime(POLICY)) });
    expect(scene.outcome(FORCE)).toEqual({ no_next_key: room });
    expect(scene.world.run(IF_DUE)).toEqual({ kind: 'nothing', reason: 'not_due' });
    expect(scene.world.run(TICK)).toEqual({ kind: 'nothing', reason: 'not_due' });
    scene.world.advance(elapsed(scene.world.now(), room));
    expect(scene.world.run(TICK)).toMatchObject({
      kind: 'change',
      publish: [{ activatedAt: null }],
    });
    expect(waitingKey(scene.world.keys())).toBeDefined();
  });

  test('where there are no keys at all is refused for good', () => {
    const refused = { kind: 'refuse', reason: 'no_keys', retryAt: null };
    for (const command of [ROTATE, FORCE, IF_DUE]) {
      expect(decide(command, [], POLICY, scene.world.now())).toEqual(refused);
    }
  });

  test('of keys that no machine made is refused without a date', () => {
    const dateless = Array.from({ length: 5 }, (_, n) => ({
      kid: `odd-${n}` as Kid,
      publishedAt: scene.world.now(),
      activatedAt: null,
      retiredAt: null,
      revokedAt: null,
      maxTokenTtl: POLICY.accessTokenTtl,
    }));
    const refused = { kind: 'refuse', reason: 'no_next_key', retryAt: null };
    expect(decide(ROTATE, dateless, POLICY, scene.world.now())).toEqual(refused);
    expect(decide(TICK, dateless, POLICY, scene.world.now())).toMatchObject({ kind: 'nothing' });
    const [first] = dateless;
    const revoked = first && [{ ...first, revokedAt: scene.world.now() }];
    expect(decide(TICK, revoked ?? [], POLICY, scene.world.now())).toMatchObject({
      kind: 'nothing',
    });
  });
});

describe('on a clock that is behind the one which recorded the last change', () => {
  test('a retired key is revoked as one, not as one to come (found by chance)', () => {
    scene.world.run(FORCE, seconds(15));
    expect(scene.world.run(revoke('key-1'), seconds(-30)).kind).toBe('change');
    expect(scene.states()).toMatchObject({ 'key-1': 'revoked', 'key-3': 'next' });
    expect(scene.find('key-3').activatedAt).toBeNull();
  });

  test('a revoked key is not replaced once more (found by chance)', () => {
    scene.world.run({ kind: 'revoke_all' }, seconds(15));
    const again = scene.world.run(revoke('key-2'), seconds(-30));
    expect(again).toEqual({ kind: 'nothing', reason: 'already_so' });
  });

  test('the replica goes on signing, with the key that is recorded', () => {
    scene.world.run(revoke('key-1'), seconds(30));
    expect(scene.world.sign(0, seconds(-30))?.kid).toBe('key-2');
  });
});
