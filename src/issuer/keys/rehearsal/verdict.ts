import { type Duration, elapsed, milliseconds, sum } from '../../../kit/duration.ts';
import type { Kid } from '../../../kit/id.ts';
import type { VerifierKind } from '../verifiers.ts';
import type { Exposure, Lacking, Signing } from './exposure.ts';
import { earlierEnd, hull, lengthOf, overlap, type Span, stretch } from './span.ts';

/** Honest tokens of one key that a verifier may refuse, though they have not expired. */
export interface RefusedTokens {
  readonly kid: Kid;
  /** What it last saw lacked the key: not published yet, or already gone. */
  readonly cause: 'unseen' | 'gone';
  /** When they are presented; null: until the verifier is restarted. */
  readonly presented: Span;
  readonly signed: Span;
  /** One of them: when it was signed, and when it is refused. */
  readonly example: { readonly signedAt: Date; readonly presentedAt: Date };
  /** How much longer the key should have waited before it signed; null where waiting is vain. */
  readonly shortfall: Duration | null;
}

/** What a verifier may refuse: in any case, and where its early fetches do not get through. */
export interface Findings {
  readonly refused: readonly RefusedTokens[];
  readonly leaning: readonly RefusedTokens[];
}

/** Tries a verifier, at its most awkward, on everything that may be seen of the keys. */
export function examine(verifier: VerifierKind, exposures: readonly Exposure[]): Findings {
  const { keeps, refetchesOnUnknownKid: refetches, perKid, cooldown } = verifier;
  const kept = (maxAge: Duration): Duration | null =>
    keeps === 'for_ever' ? null : keeps === 'max_age' ? maxAge : keeps;
  // To look again for an unknown kid is to keep a JWKS, as far as new keys go, for the cooldown.
  const blind = (maxAge: Duration): Duration | null => {
    const age = kept(maxAge);
    if (!refetches) return age;
    return age === null || cooldown < age ? cooldown : age;
  };
  const find = (age: typeof kept): RefusedTokens[] =>
    merge(exposures.flatMap((exposure) => refusedOf(exposure, verifier, age)));
  const refused = find(blind);
  // Who keeps keys for ever, or each by itself, sees every new one by an early fetch alone.
  const leans = refetches && !perKid && keeps !== 'for_ever';
  return { refused, leaning: leans ? find(kept) : [] };
}

function refusedOf(
  { kid, signings, lackings, revokedAt }: Exposure,
  { cdnAge, clockSkew }: VerifierKind,
  kept: (maxAge: Duration) => Duration | null,
): RefusedTokens[] {
  const blind = ({ span, maxAge }: Lacking): Span => {
    const age = kept(maxAge);
    return stretch(span, age === null ? null : sum(age, maxAge, cdnAge));
  };
  return lackings.flatMap((lacking) =>
    signings.flatMap((signing) => {
      const dark = blind(lacking);
      const skew = clockSkew ?? signing.clockSkew;
      const life = stretch(signing.span, sum(signing.ttl, skew));
      const honest = { from: life.from, until: earlierEnd(life.until, revokedAt) };
      const presented = overlap(dark, honest);
      if (!presented) return [];
      return [describeRefused(kid, lacking, signing, dark, presented, skew)];
    }),
  );
}

function describeRefused(
  kid: Kid,
  lacking: Lacking,
  { span, ttl }: Signing,
  dark: Span,
  presented: Span,
  skew: Duration,
): RefusedTokens {
  const oldest = new Date(+presented.from - ttl - skew);
  const signed = {
    from: oldest > span.from ? oldest : span.from,
    until: earlierEnd(span.until, presented.until),
  };
  const last = span.until ? new Date(+span.until - 1) : presented.from;
  return {
    kid,
    cause: lacking.unpublished ? 'unseen' : 'gone',
    presented,
    signed,
    example: {
      signedAt: last < presented.from ? last : presented.from,
      presentedAt: presented.from,
    },
    shortfall: lacking.unpublished && dark.until ? elapsed(span.from, dark.until) : null,
  };
}

/** One finding a key and cause, in the order of the keys. */
export function merge(findings: readonly RefusedTokens[]): RefusedTokens[] {
  const merged = new Map<string, RefusedTokens>();
  for (const found of findings) {
    const name = `${found.kid} ${found.cause}`;
    const known = merged.get(name);
    merged.set(name, known ? mergeTwo(known, found) : found);
  }
  return [...merged.values()];
}

function mergeTwo(a: RefusedTokens, b: RefusedTokens): RefusedTokens {
  const vain = a.shortfall === null || b.shortfall === null;
  return {
    ...(b.presented.from < a.presented.from ? b : a),
    presented: hull(a.presented, b.presented),
    signed: hull(a.signed, b.signed),
    shortfall: vain ? null : milliseconds(Math.max(a.shortfall ?? 0, b.shortfall ?? 0)),
  };
}

/** The longest time for which any of these tokens is refused; null: for ever. */
export function longest(findings: readonly RefusedTokens[]): Duration | null {
  let most = 0;
  for (const { presented } of findings) {
    const length = lengthOf(presented);
    if (length === null) return null;
    most = Math.max(most, length);
  }
  return milliseconds(most);
}
