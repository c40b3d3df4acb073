import {
  activeKey,
  type KeyPolicy,
  publishedKeys,
  type SigningKey,
} from '../../src/issuer/keys/life-cycle.ts';
import { type Decision, decide, type KeyCommand } from '../../src/issuer/keys/machine.ts';
import { after, before, type Duration, latest, milliseconds } from '../../src/kit/duration.ts';
import type { Kid } from '../../src/kit/id.ts';
import { createRegimes, type Regimes } from './key-regimes.ts';
import { applyChange, type KeyTable } from './key-table.ts';

/** One of the issuer's processes, as it is at one moment; in hundredths of what settings allow. */
export interface Replica {
  /** How far its clock is ahead of the world's; negative when behind. */
  readonly clock: number;
  /** How long ago it read the keys; at most KEY_LEASE, and not before its start. */
  readonly lag: number;
}

/** A service elsewhere that verifies tokens, as it is at one moment. */
export interface Verifier {
  /** How far its clock is ahead of the world's, in hundredths of what settings allow. */
  readonly clock: number;
  /** Whether the JWKS that it holds is as old as can be, or fetched just now. */
  readonly oldCache: boolean;
  /** Whether the HTTP caches gave it a copy as old as can be, and would now, or a fresh one. */
  readonly oldEdge: boolean;
  /** Whether it fetches anew for a `kid` that it does not hold. */
  readonly refetches: boolean;
  /** The replica that answers those caches. */
  readonly source: Replica;
}

/** A token as far as keys matter. */
export interface Token {
  readonly kid: Kid;
  /** By the world's clock. */
  readonly signedAt: Date;
  /** `exp`, by the clock of the replica that signed it. */
  readonly expiresAt: Date;
}

/** The issuer's keys in a simulated time of their own. */
export interface KeyWorld {
  /** The clock that no process can read. */
  now(): Date;
  settings(): KeyPolicy;
  /** All settings that there were. */
  readonly regimes: Regimes;
  /** New settings for every process, all of which start anew. */
  configure(settings: Partial<KeyPolicy>): void;
  advance(by: Duration): void;
  /** The table of this moment, and of one before. */
  keys(): KeyTable;
  keysAt(instant: Date): KeyTable;
  /** When the table last changed. */
  changedAt(): Date;
  /** When a key was committed, by the world's clock. */
  publishedAt(kid: Kid): Date;
  /** When a key's revocation was committed, by the world's clock; null while it is not. */
  revokedAt(kid: Kid): Date | null;
  /** Carries a command out on a process whose clock is ahead by `skew`. */
  run(command: KeyCommand, skew?: Duration): Decision;
  /** The same, but the process dies before the commit. */
  crash(command: KeyCommand, skew?: Duration): void;
  /** Signs a token that lives for `ttl` where a clock is ahead by `skew`; undefined when it may not. */
  sign(lag: number, skew: Duration, ttl?: Duration): Token | undefined;
  /** The kids of the JWKS that a replica served at an instant. */
  jwks(replica: Replica, instant: Date): Kid[];
  /** Whether a verifier takes a token at an instant, its expiry aside. */
  accepts(verifier: Verifier, token: Token, instant: Date): boolean;
}

const NONE = milliseconds(0);

/** Makes a world with its first two keys. */
export function createKeyWorld(first: KeyPolicy, start = new Date('2026-01-01')): KeyWorld {
  const regimes = createRegimes(first, start);
  const settings = (): KeyPolicy => regimes.at(now);
  let now = start;
  let made = 0;
  const versions: { since: Date; keys: KeyTable }[] = [];
  const current = (): KeyTable => versions.at(-1)?.keys ?? [];

  /** A process that dies leaves the table as it was, so each change is a new version or none. */
  function plan(command: KeyCommand, skew: Duration): { decision: Decision; keys: KeyTable } {
    const clock = after(now, skew);
    const decision = decide(command, current(), settings(), clock);
    if (decision.kind !== 'change') return { decision, keys: current() };
    const keys = applyChange(current(), decision, () => {
      made += 1;
      const kid = `key-${made}` as Kid;
      return { kid, publishedAt: clock, maxTokenTtl: settings().accessTokenTtl };
    });
    return { decision, keys };
  }

  const commit = (keys: KeyTable): void => {
    if (keys !== current()) versions.push({ since: now, keys });
  };

  /** As a keyring does before it signs for longer than the database knows of. */
  const raiseTokenTtl = (ttl: Duration, clock: Date): void => {
    const live = (key: SigningKey) => !key.revokedAt && (!key.retiredAt || key.retiredAt > clock);
    const isShort = (key: SigningKey) => live(key) && key.maxTokenTtl < ttl;
    if (!current().some(isShort)) return;
    commit(current().map((key) => (isShort(key) ? { ...key, maxTokenTtl: ttl } : key)));
  };

  const firstVersion = (matches: (key: SigningKey) => boolean): Date | null =>
    versions.find(({ keys }) => keys.some(matches))?.since ?? null;

  const world: KeyWorld = {
    now: () => now,
    settings,
    regimes,
    configure: (changed) => regimes.enter({ ...settings(), ...changed }, now),
    advance(by) {
      now = after(now, by);
    },
    keys: current,
    // Before the first keys nothing was served, so that nobody can hold anything older.
    keysAt: (instant) =>
      (versions.findLast(({ since }) => since <= instant) ?? versions[0])?.keys ?? [],
    changedAt: () => versions.at(-1)?.since ?? start,
    publishedAt: (kid) => firstVersion((key) => key.kid === kid) ?? start,
    revokedAt: (kid) => firstVersion((key) => key.kid === kid && key.revokedAt !== null),
    run(command, skew = NONE) {
      const { decision, keys } = plan(command, skew);
      commit(keys);
      return decision;
    },
    crash(command, skew = NONE) {
      plan(command, skew);
    },
    sign(lag, skew, ttl = settings().accessTokenTtl) {
      const clock = after(now, skew);
      // At the end of its lease a replica signs no more.
      const expired = before(now, settings().keyLease);
      const readAt = latest(regimes.readAt(lag, now), after(expired, milliseconds(1)));
      let key = activeKey(world.keysAt(readAt), settings(), clock);
      if (!key || key.maxTokenTtl < ttl) {
        raiseTokenTtl(ttl, clock);
        key = activeKey(current(), settings(), clock);
      }
      if (!key || key.maxTokenTtl < ttl) return undefined;
      return { kid: key.kid, signedAt: now, expiresAt: after(clock, ttl) };
    },
    jwks({ clock, lag }, instant) {
      const keys = world.keysAt(regimes.readAt(lag, instant));
      const time = after(instant, regimes.skewAt(clock, instant));
      return publishedKeys(keys, regimes.at(instant), time).map(({ kid }) => kid);
    },
    accepts({ oldCache, oldEdge, refetches, source }, { kid }, instant) {
      const brings = (fetchedAt: Date) =>
        world.jwks(source, oldEdge ? regimes.oldestCopy(fetchedAt) : fetchedAt).includes(kid);
      const fetchedAt = oldCache ? regimes.oldestCache(instant) : instant;
      return brings(fetchedAt) || (refetches && brings(instant));
    },
  };
  world.run({ kind: 'tick' });
  return world;
}
