import type { KeyObject } from 'node:crypto';
import type { Clock } from '../kit/clock.ts';
import { type Duration, milliseconds, seconds } from '../kit/duration.ts';
import { unavailableError } from '../kit/errors.ts';
import { fetchJson } from './fetch-json.ts';
import { type KeySet, readJwkSet } from './jwk-set.ts';
import { JwksFault, type JwksFaultKind } from './jwks-fault.ts';

/** How a JWKS is kept. */
export interface RemoteJwksOptions {
  readonly issuer: string;
  /** Where the keys are; by the issuer's metadata when absent. */
  readonly jwksUri?: string | undefined;
  /** How long fetched keys are used before they are fetched anew. */
  readonly cacheTtl: Duration;
  /** The least time between two fetches for unknown kids, or after a failed one. */
  readonly cooldown: Duration;
  /** How much longer fetched keys are used while the issuer cannot be reached. */
  readonly maxStale: Duration;
  /** How long an answer may take. */
  readonly timeout: Duration;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly onFetch: (result: 'ok' | JwksFaultKind) => void;
}

/** The issuer's keys, fetched when needed. */
export interface RemoteJwks {
  /**
   * The key with a kid; undefined when the issuer has none such.
   * @throws AppError 503 without any keys
   */
  resolve(kid: string): KeyObject | undefined | Promise<KeyObject | undefined>;
  /** Whether this key, the very object, is among keys that are fresh; has them renewed in time. */
  holds(kid: string, key: KeyObject): boolean;
  /** Fetches now, waiting no longer than `within`. @throws JwksFault */
  fetch(within?: Duration): Promise<void>;
  /** Whether there are keys to use; has them renewed in time, since nobody sends tokens until then. */
  ready(): boolean;
}

/** Renewal begins in the background before the keys are too old, so that no request waits for it. */
const RENEW_AT = 0.9;
/** The least time between two fetches while there are no keys to protect. */
const EMPTY_COOLDOWN = seconds(1);

/** Makes an empty set of remote keys. */
export function createRemoteJwks(options: RemoteJwksOptions): RemoteJwks {
  const { clock, cacheTtl, cooldown, maxStale } = options;
  let keys: KeySet | undefined;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let failedAt = Number.NEGATIVE_INFINITY;
  let inFlight: Promise<void> | undefined;

  const age = (): Duration => milliseconds(clock.monotonic() - fetchedAt);
  const usable = (): boolean => keys !== undefined && age() <= cacheTtl + maxStale;
  const pause = (): number => (usable() ? cooldown : Math.min(cooldown, EMPTY_COOLDOWN));
  /** From a failed try on, for as long as the next takes to begin and to end. */
  const failing = (): boolean =>
    clock.monotonic() - failedAt <= options.cooldown + 2 * options.timeout;
  const mayTry = (): boolean => clock.monotonic() - triedAt >= pause();

  async function load(timeout: Duration): Promise<void> {
    triedAt = clock.monotonic();
    try {
      const url = options.jwksUri ?? (await discover(options.issuer, timeout));
      keys = keepSame(keys, readJwkSet(await fetchJson(url, timeout), url));
      fetchedAt = triedAt;
      options.onFetch('ok');
    } catch (error) {
      failedAt = clock.monotonic();
      // What is held stays in use: an empty or broken answer never drops good keys.
      options.onFetch(error instanceof JwksFault ? error.kind : 'unreachable');
      throw error;
    }
  }

  function refetch(within = options.timeout): Promise<void> {
    inFlight ??= load(milliseconds(Math.min(within, options.timeout))).finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  }

  /** Joins a fetch under way, or begins one unless the last was just now; never throws. */
  async function tryRefetch(): Promise<void> {
    // Keys that were fetched well and have since become old are no reason to wait.
    const due = fetchedAt === triedAt && age() >= cacheTtl * RENEW_AT;
    if (inFlight || due || mayTry()) await refetch().catch(() => {});
  }

  function lookUp(kid: string): KeyObject | undefined {
    if (!keys || !usable()) throw unavailableError("The issuer's keys cannot be had just now.");
    return keys.get(kid);
  }

  function fresh(kid: string): KeyObject | undefined {
    const held = age();
    if (held >= cacheTtl) return undefined;
    if (held >= cacheTtl * RENEW_AT) void tryRefetch();
    return keys?.get(kid);
  }

  async function resolveSlowly(kid: string): Promise<KeyObject | undefined> {
    const expired = age() >= cacheTtl;
    if (expired) {
      const tried = tryRefetch();
      // An issuer that has just failed may be silent now: nobody waits for it whose key is there.
      if (!(failing() && usable() && keys?.has(kid))) await tried;
    }
    const known = lookUp(kid);
    if (known || expired) return known;
    await tryRefetch();
    return lookUp(kid);
  }

  return {
    resolve: (kid) => fresh(kid) ?? resolveSlowly(kid),
    holds: (kid, key) => fresh(kid) === key,
    fetch: refetch,
    ready() {
      if (age() >= cacheTtl * RENEW_AT) void tryRefetch();
      return usable();
    },
  };
}

/** The keys just fetched, each the object that it was before: what relies on it goes on. */
const keepSame = (before: KeySet | undefined, fetched: KeySet): KeySet =>
  new Map(
    [...fetched].map(([kid, key]) => {
      const known = before?.get(kid);
      return [kid, known?.equals(key) ? known : key];
    }),
  );

/** Asks the issuer where its keys are. @throws JwksFault */
async function discover(issuer: string, timeout: Duration): Promise<string> {
  const url = metadataUrl(issuer);
  return jwksUriOf(await fetchJson(url, timeout), issuer, url);
}

/** Whether a text can be an issuer: a URL without credentials, query, fragment (RFC 8414 section 2). */
export function isIssuer(text: string): boolean {
  if (!/^https?:\/\/[^\s?#]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/** Where an issuer's metadata is (OpenID Connect Discovery 1.0 section 4). */
export const metadataUrl = (issuer: string): string =>
  `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;

/** Where an issuer's metadata (RFC 8414), found at a URL, says its keys are. @throws JwksFault */
export function jwksUriOf(document: unknown, issuer: string, url: string): string {
  const metadata = document as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (metadata?.issuer !== issuer) {
    // Both as they are: often all that differs is a slash at the end.
    const said = metadata?.issuer;
    const other = typeof said === 'string' ? JSON.stringify(said) : 'no issuer';
    throw new JwksFault('unreachable', `${url} speaks for ${other}, not for "${issuer}".`);
  }
  const { jwks_uri: jwksUri } = metadata;
  if (typeof jwksUri !== 'string' || !/^https?:\/\//.test(jwksUri) || !URL.canParse(jwksUri)) {
    throw new JwksFault('no_keys', `${url} names no jwks_uri.`);
  }
  if (issuer.startsWith('https:') && !jwksUri.startsWith('https:')) {
    throw new JwksFault('unreachable', `${url} names a jwks_uri that is not https.`);
  }
  return jwksUri;
}
