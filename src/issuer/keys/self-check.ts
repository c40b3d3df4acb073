import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import type { Clock } from '../../kit/clock.ts';
import type { Duration } from '../../kit/duration.ts';
import type { Logger } from '../../kit/log.ts';
import { CANARY_TYPE, type Canary } from './canary.ts';
import type { Keyring } from './keyring.ts';
import type { KeyPolicy } from './life-cycle.ts';
import { jwksUrl, lookAt } from './sight.ts';
import { judge, type KnownKey, type Sight, sees, type VisibilityFault } from './visibility.ts';

/** What the last look showed. */
export interface SelfCheckResult {
  readonly checkedAt: Date;
  readonly ok: boolean;
  readonly faults: readonly VisibilityFault[];
  /** The kids that the world sees. */
  readonly seen: readonly string[];
  /** How long ago the JWKS ceased to look like this: 0 while it does, null when it never did. */
  readonly staleFor: Duration | null;
}

/** Sees to it that what the world sees is what is published. */
export interface SelfCheck {
  /** Looks, and logs when the judgement is another than before. @param signal gives up */
  run(signal: AbortSignal): Promise<void>;
  /** What the last look showed; undefined before the first. */
  last(): SelfCheckResult | undefined;
}

/** What the self-check needs. */
export interface SelfCheckDeps {
  readonly issuer: string;
  readonly keyring: Pick<Keyring, 'known' | 'canaries' | 'poll'>;
  readonly clock: Clock;
  readonly policy: KeyPolicy;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Makes a self-check that has not looked yet. */
export function createSelfCheck(deps: SelfCheckDeps): SelfCheck {
  const { keyring, clock, log } = deps;
  const url = jwksUrl(deps.issuer);
  let last: SelfCheckResult | undefined;
  return {
    last: () => last,
    async run(signal) {
      const sight = await lookAt(url, signal);
      if (signal.aborted) return;
      // A key that another replica has just published was in the database before it was seen.
      if (kidsOf(sight).some((kid) => !keyring.known().some((key) => key.kid === kid))) {
        await keyring.poll();
      }
      const now = clock.now();
      const refusedCanaries = await refused(sight, await keyring.canaries(now), now);
      const look = { url, keys: keyring.known(), sight, refusedCanaries };
      const { faults, staleFor } = judge(look, deps.policy, now);
      if (codesOf(faults) !== codesOf(last?.faults ?? [])) {
        if (faults.length > 0)
          log.warn({ faults, stale_for: staleFor }, 'self-check: the world sees other keys');
        else log.info('self-check: the world sees the right keys again');
      }
      last = { checkedAt: now, ok: faults.length === 0, faults, seen: kidsOf(sight), staleFor };
    },
  };
}

/**
 * Makes what tells whether the world sees a key that shall sign. It looks anew each time, just
 * before a planned rotation, so that no older look decides. Only a JWK Set that lacks the key says
 * no. Where there is no answer, or no JWK Set in it, nothing is known (the machine that asks may
 * have no route to the issuer): the key has been published for as long as every verifier needs, so
 * the answer is yes, with a warning, and no broken proxy stops the rotation for ever.
 */
export function visibilityAt(deps: {
  readonly issuer: string;
  readonly log: Pick<Logger, 'warn'>;
}): (key: KnownKey) => Promise<boolean> {
  const url = jwksUrl(deps.issuer);
  return async (key) => {
    const sight = await lookAt(url);
    if (sight.kind === 'jwks') return sees(sight, key);
    const unknown = 'whether the world sees the next key is not known; rotating all the same';
    deps.log.warn({ kid: key.kid, reason: `${url} ${sight.reason}` }, unknown);
    return true;
  };
}

const kidsOf = (sight: Sight): string[] =>
  sight.kind === 'jwks' ? sight.keys.map(({ kid }) => kid) : [];

const codesOf = (faults: readonly VisibilityFault[]): string =>
  faults.map(({ code }) => code).join();

/** The kids whose canary a verifier that fetched this refuses, of those that it shows. */
async function refused(sight: Sight, canaries: readonly Canary[], now: Date): Promise<string[]> {
  if (sight.kind === 'nothing') return [];
  const keySet = createLocalJWKSet({ keys: [...sight.keys] } as unknown as JSONWebKeySet);
  const kids = kidsOf(sight);
  const judged = canaries
    .filter(({ kid }) => kids.includes(kid))
    .map(async ({ kid, token }) => {
      const options = { algorithms: ['RS256'], typ: CANARY_TYPE, currentDate: now };
      const good = await jwtVerify(token, keySet, options).then(
        () => true,
        () => false,
      );
      return good ? [] : [kid];
    });
  return (await Promise.all(judged)).flat();
}
