import type { IncomingMessage } from 'node:http';
import { AppError } from '../kit/errors.ts';
import { csrfRejected } from './problem.ts';

/** The origins from which calls with the cookie are served. */
export interface OriginPolicy {
  /** The issuer's own origin. */
  readonly issuer: string;
  readonly allowedOrigins: readonly string[];
}

/**
 * Serves a call that sets or uses the cookie only from the issuer's or an allowed origin; a
 * request without `Origin` must say `Sec-Fetch-Site: same-origin`, which scripts cannot forge.
 * `Origin: null` is nobody's. Throws 403 `csrf_rejected`.
 */
export function requireSameOrigin(
  { req }: { readonly req: IncomingMessage },
  { issuer, allowedOrigins }: OriginPolicy,
): void {
  const { origin } = req.headers;
  if (origin === undefined) {
    if (req.headers['sec-fetch-site'] === 'same-origin') return;
  } else if (origin !== 'null' && (origin === issuer || allowedOrigins.includes(origin))) {
    return;
  }
  throw new AppError(csrfRejected, {
    detail: 'Calls that use the cookie need an Origin that is the issuer or an allowed one.',
  });
}
