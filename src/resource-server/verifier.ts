import { setTimeout as sleep } from 'node:timers/promises';
import type { AccessTokenClaims } from '../jwt/claims.ts';
import { tokenMalformed } from '../jwt/errors.ts';
import { rememberingVerifier } from '../jwt/verified-tokens.ts';
import { type Clock, systemClock } from '../kit/clock.ts';
import { type Duration, milliseconds, parseDuration, seconds, times } from '../kit/duration.ts';
import { AppError } from '../kit/errors.ts';
import type { JwksFaultKind } from './jwks-fault.ts';
import { createRemoteJwks, isIssuer } from './remote-jwks.ts';

/** A length of time: `30s`, `15m`, `24h`, `7d`. */
export type DurationText = `${number}${'s' | 'm' | 'h' | 'd'}`;

/** Something that a verifier did, for metrics. */
export type VerifierEvent =
  | { readonly type: 'validated'; readonly result: 'ok' | string }
  | { readonly type: 'jwks_fetched'; readonly result: 'ok' | JwksFaultKind };

/** How a verifier is set up; only issuer and audience have no default. */
export interface VerifierOptions {
  /** The `iss` of good tokens, and where the metadata is that names the JWKS: Keyturn's ISSUER_URL. */
  readonly issuer: string;
  /** The `aud` of good tokens. */
  readonly audience: string;
  /** Where the keys are, when not where the issuer's metadata says. */
  readonly jwksUri?: string | undefined;
  /** How long fetched keys are used before they are fetched anew; 1h. */
  readonly cacheTtl?: Duration | DurationText;
  /** The least time between fetches for unknown kids, and after a failed one; 30s. */
  readonly cooldown?: Duration | DurationText;
  /** How much longer than `cacheTtl` keys are used while the issuer is away; 23h. */
  readonly maxStale?: Duration | DurationText;
  /** How long the issuer may take to answer; 5s. */
  readonly timeout?: Duration | DurationText;
  /** Leeway for `iat` and `nbf`; 60s. `exp` gets none. */
  readonly clockSkew?: Duration | DurationText;
  /** How many verified tokens are remembered; 10000. 0 switches the memory off. */
  readonly tokenCacheSize?: number;
  readonly onEvent?: (event: VerifierEvent) => void;
  /** For tests. */
  readonly clock?: Clock;
}

/**
 * Verifies an access token (RFC 9068) and answers its claims.
 * Throws an error with `status` 401 and a `code`: `token_malformed`, `token_signature_invalid`,
 * `token_claims_invalid`, `token_expired`; or with `status` 503 while the issuer's keys cannot be
 * had.
 */
export interface Verifier {
  (token: string): Promise<AccessTokenClaims>;
  /**
   * Fetches the keys, trying again for `patience`; call it at the start to fail early.
   * @param signal gives up before the next try
   * @throws JwksFault that says what was wrong: unreachable, not JSON, no keys, no RS256 key
   */
  start(patience?: Duration | DurationText, signal?: AbortSignal): Promise<void>;
  /** Whether there are keys to verify with; fetches in the background those that grow too old. */
  ready(): boolean;
}

const PAUSE = seconds(0.25);
/** What even the shortest patience gives a fetch. */
const MIN_TRY = seconds(1);
const DEFAULTS = {
  cacheTtl: times(3600, seconds(1)),
  cooldown: seconds(30),
  maxStale: times(23 * 3600, seconds(1)),
  timeout: seconds(5),
  clockSkew: seconds(60),
  startPatience: seconds(30),
  tokenCacheSize: 10_000,
};

/**
 * Makes a verifier of one issuer's access tokens for one audience.
 * @throws TypeError for an issuer that is no URL, no audience, a duration that cannot be read
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, jwksUri, onEvent = () => {} } = options;
  if (typeof issuer !== 'string' || !isIssuer(issuer)) throw noUrl('issuer');
  if (jwksUri !== undefined) demandUrl('jwksUri', jwksUri);
  if (typeof audience !== 'string' || audience === '') {
    throw new TypeError('audience has to say for whom good tokens are');
  }
  const clock = options.clock ?? systemClock();
  const keys = createRemoteJwks({
    issuer,
    jwksUri,
    cacheTtl: read(options.cacheTtl, DEFAULTS.cacheTtl),
    cooldown: read(options.cooldown, DEFAULTS.cooldown),
    maxStale: read(options.maxStale, DEFAULTS.maxStale),
    timeout: read(options.timeout, DEFAULTS.timeout),
    clock,
    onFetch: (result) => onEvent({ type: 'jwks_fetched', result }),
  });
  const verifyToken = rememberingVerifier({
    ...keys,
    expected: { issuer, audience, clockSkew: read(options.clockSkew, DEFAULTS.clockSkew) },
    size: options.tokenCacheSize ?? DEFAULTS.tokenCacheSize,
  });

  async function verify(token: string): Promise<AccessTokenClaims> {
    const now = clock.now();
    try {
      // Not every caller has types, and a request without a token is no fault of the service's.
      if (typeof token !== 'string') throw new AppError(tokenMalformed);
      const claims = await verifyToken(token, now);
      onEvent({ type: 'validated', result: 'ok' });
      return claims;
    } catch (error) {
      const result = error instanceof AppError ? error.spec.code : 'internal';
      onEvent({ type: 'validated', result });
      throw error;
    }
  }

  async function start(patience?: Duration | DurationText, signal?: AbortSignal): Promise<void> {
    const until = clock.monotonic() + read(patience, DEFAULTS.startPatience);
    for (;;) {
      try {
        return await keys.fetch(milliseconds(Math.max(MIN_TRY, until - clock.monotonic())));
      } catch (error) {
        if (clock.monotonic() + PAUSE >= until) throw error;
        await sleep(PAUSE, undefined, { signal });
      }
    }
  }

  return Object.assign(verify, { start, ready: keys.ready });
}

function demandUrl(name: string, value: unknown): void {
  if (typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value)) return;
  throw noUrl(name);
}

const noUrl = (name: string): TypeError =>
  new TypeError(`${name} has to be a URL such as https://id.example.com`);

/** Not every caller has types: under NaN keys would never be old, under null always. */
function read(value: Duration | string | undefined, otherwise: Duration): Duration {
  if (value === undefined) return otherwise;
  const duration = typeof value === 'string' ? parseDuration(value) : value;
  if (Number.isFinite(duration) && Number(duration) >= 0) return duration as Duration;
  const said = typeof value === 'string' ? JSON.stringify(value) : value;
  throw new TypeError(`${said} is no length of time; a good one is "15m"`);
}
