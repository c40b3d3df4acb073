import type Koa from 'koa';
import type { Logger } from '../kit/log.ts';
import { redactText } from '../kit/log-redact.ts';
import type { AppState } from './context.ts';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const ALLOWED = 'Authorization, Content-Type, If-Match';
const EXPOSED =
  'ETag, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id';
const MAX_AGE = '600';
const MAX_ORIGIN = 256;

/** Which origins may read answers, and on which paths their cookies count. */
export interface CorsDeps {
  readonly allowedOrigins: readonly string[];
  /** Exact paths of the calls that set or use a cookie. */
  readonly cookiePaths?: ReadonlySet<string>;
  readonly log: Logger;
}

/**
 * CORS (Fetch standard) for the allowed origins, compared exactly. Answers their preflights
 * itself, for unknown paths too, so that a script sees the 404 rather than a network error.
 */
export function cors(deps: CorsDeps): Koa.Middleware<AppState, object> {
  const origins = new Set(deps.allowedOrigins);
  return (ctx, next) => {
    const { req, res } = ctx;
    res.setHeader('Vary', 'Origin');
    const { origin } = req.headers;
    if (origin === undefined) return next();
    const preflight =
      req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined;
    if (!origins.has(origin)) {
      // A script learns nothing of why it may not call, and the access log has a mere OPTIONS.
      if (preflight) {
        const of = { request_id: ctx.state.requestId, origin: redactText(origin, MAX_ORIGIN) };
        deps.log.info(of, 'a page is of an origin that is not among ALLOWED_ORIGINS');
      }
      return next();
    }
    res.setHeader('Access-Control-Allow-Origin', origin);
    if (deps.cookiePaths?.has(ctx.path)) {
      res.setHeader('Access-Control-Allow-Credentials', 'true');
    }
    if (preflight) {
      res.setHeader('Access-Control-Allow-Methods', METHODS);
      res.setHeader('Access-Control-Allow-Headers', ALLOWED);
      res.setHeader('Access-Control-Max-Age', MAX_AGE);
      ctx.status = 204;
      return Promise.resolve();
    }
    res.setHeader('Access-Control-Expose-Headers', EXPOSED);
    return next();
  };
}

/** The headers of an answer that every origin may read, without credentials. */
export const OPEN_TO_ALL: readonly string[] = [
  'Access-Control-Allow-Origin',
  '*',
  'Access-Control-Expose-Headers',
  EXPOSED,
  'Vary',
  'Origin',
];

/** What a preflight for such an answer gets besides. */
export const OPEN_PREFLIGHT: readonly string[] = [
  'Access-Control-Allow-Methods',
  'GET, HEAD',
  'Access-Control-Allow-Headers',
  'Authorization, Content-Type, If-None-Match',
  'Access-Control-Max-Age',
  MAX_AGE,
];
