import {
  asOf,
  type KeyPolicy,
  type KeyState,
  MAX_PUBLISHED_KEYS,
  publishedKeys,
  stateOf,
} from '../../src/issuer/keys/life-cycle.ts';
import {
  after,
  before,
  type Duration,
  earliest,
  milliseconds,
  sum,
  times,
} from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';
import { skewOf } from './key-player.ts';
import type { KeyWorld, Replica, Token, Verifier } from './key-world.ts';

const EXTREMES = [-100, 100] as const;

/** What holds at every moment, on every clock. @throws Error saying what does not */
export function checkMoment(world: KeyWorld): void {
  for (const percent of [...EXTREMES, 0]) {
    const policy = world.settings();
    const keys = world.keys();
    const at = asOf(keys, after(world.now(), skewOf(percent, policy)));
    const active = keys.filter((key) => stateOf(key, policy, at) === 'active');
    if (active.length !== 1) throw new Error(`${active.length} keys are active at ${percent}`);
    const published = publishedKeys(keys, policy, at).length;
    if (published > MAX_PUBLISHED_KEYS) throw new Error(`${published} keys are published`);
  }
}

const ORDER: readonly KeyState[] = ['next', 'active', 'retiring', 'gone', 'revoked'];

/** How long a key stays published once it is retired, its tokens' lives aside. */
const stays = (policy: KeyPolicy): Duration => sum(policy.keyLease, times(2, policy.clockSkew));

/**
 * A check that no key's state ever goes backwards, from one call to the next, but for this: a key
 * that is gone comes back when an operator says that it had to stay longer.
 */
export function stateWatch(): (world: KeyWorld) => void {
  const last = new Map<Kid, number>();
  let seen: KeyPolicy | undefined;
  return (world) => {
    const isLonger = seen && stays(world.settings()) > stays(seen);
    seen = world.settings();
    const at = asOf(world.keys(), world.now());
    for (const key of world.keys()) {
      const state = ORDER.indexOf(stateOf(key, world.settings(), at));
      const before = last.get(key.kid) ?? 0;
      const returns = isLonger && ORDER[before] === 'gone' && ORDER[state] === 'retiring';
      if (state < before && !returns)
        throw new Error(`${key.kid} went from ${ORDER[before]} to ${ORDER[state]}`);
      last.set(key.kid, state);
    }
  };
}

/** The replicas that answer worst: the fastest and the slowest clock, with fresh and old keys. */
const worstReplicas = (oneClock: boolean): Replica[] =>
  (oneClock ? [0] : EXTREMES).flatMap((clock) => [0, 100].map((lag) => ({ clock, lag })));

/** Verifiers with every extreme of what they may have cached, as slow as the clocks allow. */
export const worstVerifiers = ({
  refetches,
  oneClock = false,
}: {
  refetches: boolean;
  oneClock?: boolean;
}): Verifier[] =>
  worstReplicas(oneClock).flatMap((source) =>
    [false, true].flatMap((oldCache) =>
      [false, true].map((oldEdge) => ({
        clock: -100,
        oldCache,
        oldEdge,
        refetches,
        source,
      })),
    ),
  );

/** The last instant at which a verifier holds a token for valid. */
export const lastValidAt = (token: Token, skew: Duration): Date =>
  before(token.expiresAt, milliseconds(skew + 1));

/** A token that a verifier refused though it had not expired and its key was not revoked. */
export interface RefusedToken {
  readonly token: Token;
  readonly verifier: Verifier;
  readonly at: Date;
}

/**
 * Every refusal of a token: when it was just signed, when it is about to expire or its key to be
 * revoked, and in the middle.
 * @param from for each token, the instant before which a refusal does not count
 */
export function refusals(
  world: KeyWorld,
  tokens: readonly Token[],
  verifiers: readonly Verifier[],
  from: (token: Token) => Date = (token) => token.signedAt,
): RefusedToken[] {
  return tokens.flatMap((token) => {
    const revokedAt = world.revokedAt(token.kid);
    return verifiers.flatMap((verifier) => {
      const expired = lastValidAt(token, world.regimes.skewAt(verifier.clock, token.signedAt));
      const end = revokedAt ? earliest(expired, before(revokedAt, milliseconds(1))) : expired;
      const start = from(token) > token.signedAt ? from(token) : token.signedAt;
      if (start > end) return [];
      const middle = new Date(Math.floor((+start + +end) / 2));
      return [start, middle, end]
        .filter((at) => !world.accepts(verifier, token, at))
        .map((at) => ({ token, verifier, at }));
    });
  });
}
