import { after, before, type Duration, latest } from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import { asOf, goneAt, type KeyState, type SigningKey, stateOf } from '../life-cycle.ts';
import type { History, Version } from './history.ts';
import { hull, overlap, type Span, stretch } from './span.ts';

/** When some replica may sign with a key, and how long its tokens live. */
export interface Signing {
  readonly span: Span;
  readonly ttl: Duration;
  /** `CLOCK_SKEW` at that time. */
  readonly clockSkew: Duration;
}

/** When some replica may answer for the JWKS without a key, and how long caches may repeat that. */
export interface Lacking {
  readonly span: Span;
  readonly maxAge: Duration;
  /** Whether it is lacking since it was not published yet; else it has left. */
  readonly unpublished: boolean;
}

/** What verifiers may meet of one key, over all replicas at their slowest and their fastest. */
export interface Exposure {
  readonly kid: Kid;
  readonly signings: readonly Signing[];
  readonly lackings: readonly Lacking[];
  /** From then on its tokens are not honest. */
  readonly revokedAt: Date | null;
}

/** How far the issuer's replicas may be apart. */
export interface Replicas {
  /** How old the keys in a replica's memory may be: all of `KEY_LEASE`, or nothing. */
  readonly lag: 'lease' | 'none';
  /** How far a replica's clock may be ahead or behind. */
  readonly skew: Duration;
}

/** What of each key of a history may be seen, and when. */
export function exposuresOf({ versions }: History, replicas: Replicas): Exposure[] {
  const floors = versions.map(({ keys }) => asOf(keys, LONG_AGO));
  const kids = versions.at(-1)?.keys.map(({ kid }) => kid) ?? [];
  return kids.map((kid, place) => {
    const signings: Signing[] = [];
    const lackings: Lacking[] = [];
    let revokedAt: Date | null = null;
    for (const [n, version] of versions.entries()) {
      const { jwksMaxAge: maxAge, accessTokenTtl: ttl, clockSkew, keyLease } = version.policy;
      const held = { from: version.since, until: versions[n + 1]?.since ?? null };
      const visible = replicas.lag === 'lease' ? stretch(held, keyLease) : held;
      // Keys are only ever added, so that each has the same place in every version.
      const key = version.keys[place];
      if (!key) {
        extend(lackings, { span: visible, maxAge, unpublished: true });
        continue;
      }
      if (key.revokedAt && !revokedAt) revokedAt = version.since;
      const floor = floors[n] ?? LONG_AGO;
      for (const { state, span } of statesOf(key, version, floor, visible, replicas.skew)) {
        if (state === 'active') signings.push({ span, ttl, clockSkew });
        if (state === 'gone' || state === 'revoked') {
          extend(lackings, { span, maxAge, unpublished: false });
        }
      }
    }
    return { kid, signings, lackings, revokedAt };
  });
}

/** Adds to a list in order, or to its last span where that goes on alike. */
function extend(list: Lacking[], added: Lacking): void {
  const last = list.at(-1);
  const alike = last?.maxAge === added.maxAge && last.unpublished === added.unpublished;
  if (last && alike && (!last.span.until || last.span.until >= added.span.from)) {
    list[list.length - 1] = { ...added, span: hull(last.span, added.span) };
  } else list.push(added);
}

/** The states that a key has on one replica or another, and when, while a version is in memory. */
function statesOf(
  key: SigningKey,
  { policy }: Version,
  floor: Date,
  visible: Span,
  skew: Duration,
): { state: KeyState; span: Span }[] {
  const dates = [key.activatedAt, key.retiredAt, goneAt(key, policy)]
    .filter((date) => date !== null)
    .sort((a, b) => +a - +b);
  // By a replica's clock; a fast one enters a state early and a slow one leaves it late.
  return [undefined, ...dates].flatMap((begin, n) => {
    const end = dates[n];
    const span = overlap(visible, {
      from: begin ? before(begin, skew) : visible.from,
      until: end ? after(end, skew) : null,
    });
    // As `asOf` would have it: what is recorded has happened.
    const state = stateOf(key, policy, latest(begin ?? LONG_AGO, floor));
    return span ? [{ state, span }] : [];
  });
}

const LONG_AGO = new Date(-8.64e15);
