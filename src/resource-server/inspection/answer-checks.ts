import type { IncomingHttpHeaders } from 'node:http';
import { type Duration, seconds, spellDuration } from '../../kit/duration.ts';
import { type Check, fail, ok, warn } from './check.ts';

/** Times that the answers of an issuer are held to. */
export interface InspectionPolicy {
  /** The greatest difference between any two clocks. */
  readonly clockSkew: Duration;
  /** The longest time that any verifier keeps a fetched JWKS. */
  readonly verifierCacheTtl: Duration;
}

/** Whether caches keep a JWKS for a while, and not for too long (RFC 9111). Pure. */
export function checkCaching(headers: IncomingHttpHeaders, policy: InspectionPolicy): Check {
  const header = headers['cache-control'] ?? '';
  // A cache that many share goes by s-maxage where it is there, the others by max-age.
  const ages = [...header.matchAll(/(?:^|[\s,])(?:max-age|s-maxage)="?(\d{1,9})/gi)];
  if (/\bno-store\b|\bprivate\b/i.test(header)) {
    return warn(
      'jwks.cache',
      `No cache may keep it: Cache-Control is ${JSON.stringify(header)}.`,
      'Send Cache-Control: public, max-age=300: what is in it is public, and every service asks.',
    );
  }
  if (ages.length === 0) {
    return warn(
      'jwks.cache',
      'Cache-Control says no max-age: each verifier makes up its own.',
      'Send Cache-Control: public, max-age=300.',
    );
  }
  const age = seconds(Math.max(...ages.map(([, length]) => Number(length))));
  if (age > policy.verifierCacheTtl) {
    return fail(
      'jwks.cache',
      `Caches may keep it for ${spellDuration(age)}, longer than VERIFIER_CACHE_TTL, ` +
        `${spellDuration(policy.verifierCacheTtl)}: new keys sign before everybody has them.`,
      'Lower max-age, or raise VERIFIER_CACHE_TTL.',
    );
  }
  return ok('jwks.cache', `Caches may keep it for ${spellDuration(age)}.`);
}

/** Whether the issuer's clock and ours agree, by the Date of an answer got between two instants. */
export function checkClock(
  headers: IncomingHttpHeaders,
  asked: Date,
  answered: Date,
  { clockSkew }: InspectionPolicy,
): Check {
  const sent = Date.parse(headers.date ?? '');
  if (Number.isNaN(sent)) {
    return warn('clock', 'The answer has no Date.', 'Let the issuer send one (RFC 9110).');
  }
  // What comes out of a cache has the Date of then, and says how old it is (RFC 9111 section 5.1).
  const age = Number(/^\d{1,9}$/.exec(headers.age ?? '')?.[0] ?? 0);
  const theirs = sent + age * 1000;
  // A Date has whole seconds, cut off: it stands for all of the second that it begins.
  const behind = asked.getTime() - (theirs + 1000);
  const ahead = theirs - answered.getTime();
  const difference = seconds(Math.max(behind, ahead, 0) / 1000);
  const which = behind > ahead ? 'behind' : 'ahead of';
  if (difference > clockSkew) {
    return fail(
      'clock',
      `The issuer's clock is ${spellDuration(difference)} ${which} this machine's.`,
      'Set both by NTP: tokens are refused as expired, or as not valid yet.',
    );
  }
  return ok(
    'clock',
    `The issuer's clock and this machine's agree to ${spellDuration(difference)}.`,
  );
}

/** Whether an answer says what it is. Pure. */
export function checkType(headers: IncomingHttpHeaders): Check {
  const type = headers['content-type'] ?? 'nothing';
  if (/^application\/(jwk-set\+)?json\b/i.test(type))
    return ok('jwks.type', `It comes as ${type}.`);
  return warn(
    'jwks.type',
    `The JWKS comes as ${type}.`,
    'Send Content-Type: application/jwk-set+json (RFC 7517 section 8.5).',
  );
}
