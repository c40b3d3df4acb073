import {
  type Duration,
  formatDuration as format,
  times as multiply,
  seconds,
  spellDuration as spell,
  sum,
} from '../kit/duration.ts';
import type { Role, Source } from './source.ts';
import type { DefaultedName } from './variables.ts';

/** Every length of time that is configured. */
export interface Times {
  readonly accessTokenTtl: Duration;
  readonly refreshTokenTtl: Duration;
  /** From the login, whatever is refreshed. */
  readonly sessionMaxTtl: Duration;
  /** How long after its rotation a refresh token gets the same successor again. */
  readonly refreshReplayWindow: Duration;
  readonly keyRotationInterval: Duration;
  /** The longest time that any verifier keeps a fetched JWKS. */
  readonly verifierCacheTtl: Duration;
  readonly jwksMaxAge: Duration;
  /** The greatest difference between any two clocks. */
  readonly clockSkew: Duration;
  /** How long a replica may sign with the keys in its memory. */
  readonly keyLease: Duration;
  /** The resource server's own cache; never above `verifierCacheTtl`. */
  readonly jwksCacheTtl: Duration;
  readonly jwksStartupTimeout: Duration;
  /** How long SIGTERM still serves new requests. */
  readonly drainDelay: Duration;
  readonly auditRetention: Duration;
}

const SECOND = seconds(1);
const MINUTE = multiply(60, SECOND);
const HOUR = multiply(60, MINUTE);
const DAY = multiply(24, HOUR);
/** Longer than any use, short enough that no instant leaves what a Date can hold. */
const TEN_YEARS = multiply(3650, DAY);
/** Every verifier of ours refuses an access token that says it lives longer (`jwt/claims.ts`). */
const LONGEST_ACCESS_TOKEN = DAY;
/** For what becomes a timer, which must stay below 24 days. */
const TIMER = HOUR;
/** Never more keys published than a popular verifier caches: one active, one next, the rest. */
const RETIRING_KEYS = 3;

/** How long a new key is published before it may sign: every verifier has it by then. */
export const propagationTime = (
  times: Pick<Times, 'verifierCacheTtl' | 'jwksMaxAge' | 'clockSkew' | 'keyLease'>,
): Duration => sum(times.verifierCacheTtl, times.jwksMaxAge, times.clockSkew, times.keyLease);

/** Reads every time and judges them against each other. */
export function readTimes(source: Source, role: Role): Times {
  const verifierCacheTtl = source.duration('VERIFIER_CACHE_TTL', TEN_YEARS);
  const jwksCacheTtl = source.duration('JWKS_CACHE_TTL', TEN_YEARS);
  const times: Times = {
    accessTokenTtl: source.duration('ACCESS_TOKEN_TTL', LONGEST_ACCESS_TOKEN),
    refreshTokenTtl: source.duration('REFRESH_TOKEN_TTL', TEN_YEARS),
    sessionMaxTtl: source.duration('SESSION_MAX_TTL', TEN_YEARS),
    refreshReplayWindow: source.duration('REFRESH_REPLAY_WINDOW', DAY),
    keyRotationInterval: source.duration('KEY_ROTATION_INTERVAL', TEN_YEARS),
    verifierCacheTtl,
    jwksMaxAge: source.duration('JWKS_MAX_AGE', TEN_YEARS, true),
    clockSkew: source.duration('CLOCK_SKEW', HOUR, true),
    keyLease: source.duration('KEY_LEASE', TIMER),
    jwksCacheTtl:
      source.given('JWKS_CACHE_TTL') === undefined && jwksCacheTtl > verifierCacheTtl
        ? verifierCacheTtl
        : jwksCacheTtl,
    jwksStartupTimeout: source.duration('JWKS_STARTUP_TIMEOUT', TIMER),
    drainDelay: source.duration('DRAIN_DELAY', TIMER),
    auditRetention: source.duration('AUDIT_RETENTION', TEN_YEARS),
  };
  atMost(
    source,
    'ACCESS_TOKEN_TTL',
    times.accessTokenTtl,
    'REFRESH_TOKEN_TTL',
    times.refreshTokenTtl,
  );
  atMost(
    source,
    'REFRESH_TOKEN_TTL',
    times.refreshTokenTtl,
    'SESSION_MAX_TTL',
    times.sessionMaxTtl,
  );
  atMost(source, 'JWKS_CACHE_TTL', times.jwksCacheTtl, 'VERIFIER_CACHE_TTL', verifierCacheTtl);
  if (times.drainDelay > multiply(10, SECOND)) {
    source.warn(
      'DRAIN_DELAY',
      'above 10s a stop takes longer than the 15 seconds that are promised',
    );
  }
  if (role !== 'resource-server') judgeIssuer(source, times);
  return times;
}

/** A fault when the first time is longer than the second. */
function atMost(
  source: Source,
  name: DefaultedName,
  value: Duration,
  limitName: DefaultedName,
  limit: Duration,
): void {
  if (value <= limit || source.faulty(name, limitName)) return;
  source.fault(name, `${spell(value)} is longer than ${limitName}, ${spell(limit)}`, format(limit));
}

function judgeIssuer(source: Source, times: Times): void {
  const propagation = propagationTime(times);
  if (
    times.keyRotationInterval < propagation &&
    !source.faulty(
      'KEY_ROTATION_INTERVAL',
      'VERIFIER_CACHE_TTL',
      'JWKS_MAX_AGE',
      'CLOCK_SKEW',
      'KEY_LEASE',
    )
  ) {
    source.fault(
      'KEY_ROTATION_INTERVAL',
      `${spell(times.keyRotationInterval)} is less than ${spell(propagation)}, the time a new key ` +
        'needs to reach every verifier ' +
        '(VERIFIER_CACHE_TTL + JWKS_MAX_AGE + CLOCK_SKEW + KEY_LEASE)',
      format(propagation),
    );
  }
  adviseKeys(source, times);
  adviseTokens(source, times);
}

function adviseKeys(source: Source, times: Times): void {
  const retiring = sum(times.accessTokenTtl, multiply(2, times.clockSkew), times.keyLease);
  if (retiring > multiply(RETIRING_KEYS, times.keyRotationInterval)) {
    source.warn(
      'KEY_ROTATION_INTERVAL',
      `a retired key stays published for ${spell(retiring)}, and never more than five keys are ` +
        'published: rotations will come later than the interval says',
    );
  }
  if (times.verifierCacheTtl < times.jwksMaxAge) {
    source.warn(
      'VERIFIER_CACHE_TTL',
      `is less than JWKS_MAX_AGE, ${spell(times.jwksMaxAge)}, which some verifiers go by`,
    );
  }
  if (times.jwksMaxAge === seconds(0)) {
    source.warn('JWKS_MAX_AGE', 'with 0 no cache keeps the JWKS: every fetch comes to this server');
  }
  if (times.jwksMaxAge > HOUR) {
    source.warn(
      'JWKS_MAX_AGE',
      `after a revocation, caches hand out the stolen key for up to ${spell(times.jwksMaxAge)}`,
    );
  }
  if (times.clockSkew === seconds(0)) {
    source.warn('CLOCK_SKEW', 'with 0 any two clocks that differ make good tokens be refused');
  }
}

function adviseTokens(source: Source, times: Times): void {
  if (times.accessTokenTtl > HOUR) {
    source.warn(
      'ACCESS_TOKEN_TTL',
      `other services accept a token for up to ${spell(times.accessTokenTtl)} after a logout`,
    );
  }
  if (times.refreshReplayWindow > multiply(5, MINUTE)) {
    source.warn(
      'REFRESH_REPLAY_WINDOW',
      `a copied refresh token goes unnoticed for up to ${spell(times.refreshReplayWindow)}`,
    );
  }
  if (times.refreshReplayWindow >= times.refreshTokenTtl) {
    source.warn('REFRESH_REPLAY_WINDOW', 'is not less than REFRESH_TOKEN_TTL');
  }
}
