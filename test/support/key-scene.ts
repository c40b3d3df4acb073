import {
  asOf,
  type KeyPolicy,
  propagationTime,
  stateOf,
} from '../../src/issuer/keys/life-cycle.ts';
import type { KeyCommand } from '../../src/issuer/keys/machine.ts';
import { after, type Duration, seconds, sum, times } from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';
import { createKeyWorld } from './key-world.ts';

/** The usual settings, but for tokens that live for days, so that keys stay published. */
export const POLICY: KeyPolicy = {
  accessTokenTtl: seconds(5 * 86_400),
  keyRotationInterval: seconds(30 * 86_400),
  verifierCacheTtl: seconds(86_400),
  jwksMaxAge: seconds(300),
  clockSkew: seconds(60),
  keyLease: seconds(60),
};

export const TICK: KeyCommand = { kind: 'tick' };
export const ROTATE: KeyCommand = { kind: 'rotate', ifDue: false, force: false };
export const IF_DUE: KeyCommand = { kind: 'rotate', ifDue: true, force: false };
export const FORCE: KeyCommand = { kind: 'rotate', ifDue: false, force: true };

/** `keys revoke`, by the name that a world gave the key. */
export const revoke = (kid: string, { now = false } = {}): KeyCommand => ({
  kind: 'revoke',
  kid: kid as Kid,
  immediately: now,
});

/** A world under `POLICY`, in which the nth key is `key-n`, and questions to it. */
export function createScene() {
  const world = createKeyWorld(POLICY);
  const find = (kid: string) => {
    const key = world.keys().find((candidate) => candidate.kid === kid);
    if (!key) throw new Error(`there is no ${kid}`);
    return key;
  };
  const states = () =>
    Object.fromEntries(
      world
        .keys()
        .map((key) => [key.kid, stateOf(key, POLICY, asOf(world.keys(), world.now()))])
        .filter(([, state]) => state !== 'gone'),
    );
  return {
    world,
    states,
    find,
    fromNow: (duration: Duration): Date => after(world.now(), duration),
    /** When a retired key leaves the JWKS: the lease, its longest token and the clocks twice. */
    leavesAt: (kid: string): Date =>
      after(
        find(kid).retiredAt ?? new Date(Number.NaN),
        sum(POLICY.keyLease, POLICY.accessTokenTtl, times(2, POLICY.clockSkew)),
      ),
    /** Rotates until five keys are published. */
    crowd(): void {
      for (let n = 0; n < 3; n += 1) {
        world.advance(propagationTime(POLICY));
        world.run(ROTATE);
      }
    },
    /** Runs a command; for a refusal `{reason: retryAt}`, for all else its kind. */
    outcome(command: KeyCommand): Record<string, Date | null> | string {
      const decision = world.run(command);
      return decision.kind === 'refuse' ? { [decision.reason]: decision.retryAt } : decision.kind;
    },
  };
}
