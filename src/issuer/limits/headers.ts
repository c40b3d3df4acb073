import type { Duration } from '../../kit/duration.ts';

/** Headers of draft-ietf-httpapi-ratelimit-headers. */
export type RateLimitHeaders = Readonly<Record<'RateLimit-Policy' | 'RateLimit', string>>;

/** A policy and what it has left. */
export interface Quota {
  /** Its name: letters, digits, hyphens and underscores. */
  readonly name: string;
  readonly quota: number;
  readonly window: Duration;
  readonly remaining: number;
  /** Until there is more. */
  readonly reset: Duration;
}

/** `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers. */
export const rateLimitHeaders = (quota: Quota): RateLimitHeaders => ({
  'RateLimit-Policy': `"${quota.name}";q=${quota.quota};w=${wholeSeconds(quota.window)}`,
  RateLimit: `"${quota.name}";r=${quota.remaining};t=${wholeSeconds(quota.reset)}`,
});

/** Rounded up, so that nobody comes back too early. */
export const wholeSeconds = (duration: Duration): number => Math.ceil(duration / 1000);
