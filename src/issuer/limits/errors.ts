import type { ErrorSpec } from '../../kit/errors.ts';

/** Too many calls of one kind; carries Retry-After and the RateLimit headers. */
export const rateLimited: ErrorSpec = {
  status: 429,
  code: 'rate_limited',
  title: 'Too many requests; try again later',
};
