import Koa from 'koa';
import { AppError } from '../kit/errors.ts';
import { type AccessLogDeps, logRequest } from './access-log.ts';
import { clientAddress } from './address.ts';
import { boundUnread, hasBody } from './body.ts';
import {
  type App,
  type AppRouter,
  type AppState,
  type EdgeContext,
  matchedRoute,
  type RouteMatch,
} from './context.ts';
import { type CorsDeps, cors } from './cors.ts';
import { dispatch } from './dispatch.ts';
import { catchTheRest, type RenderErrorPage, renderErrors } from './error-edge.ts';
import { refuseFaulty } from './head.ts';
import { methodNotAllowed, notFound, onlyOptions } from './problem.ts';
import { type NewRequestId, requestIds } from './request-id.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { checkTarget } from './target.ts';

const MAX_USER_AGENT = 400;

/** What the edge of the house needs. */
export interface AppDeps extends AccessLogDeps, CorsDeps {
  /** The issuer's origin: decides whether Strict-Transport-Security is sent. */
  readonly issuer: string;
  /** Proxies in front of us whose X-Forwarded-For entries count. */
  readonly trustProxy: number;
  readonly newRequestId?: NewRequestId;
  /** Errors as pages, for browsers that ask for one. */
  readonly renderErrorPage?: RenderErrorPage | undefined;
}

/**
 * The Koa application: request id, address and access log, errors as problem+json, security
 * headers, CORS, the rooms' routes in the order given, then 404 or 405. To be served by
 * `createListener`, which has judged the head and normalised the target.
 */
export function createApp(deps: AppDeps, routers: AppRouter | readonly AppRouter[]): App {
  // Koa reads NODE_ENV unless it is told.
  const app: App = new Koa({ env: 'production' });
  catchTheRest(app, deps.log);
  app.use(openRequest(deps));
  app.use(renderErrors(deps));
  app.use(setSecurityHeaders(deps.issuer));
  app.use(cors(deps));
  app.use(checkRequest);
  app.use(dispatch([routers].flat()));
  app.use(refuseUnrouted);
  return app;
}

/** Sets the request's state and writes its log line when the answer is out or the client gone. */
function openRequest(deps: AppDeps): Koa.Middleware<AppState, RouteMatch> {
  const newRequestId = deps.newRequestId ?? requestIds();
  return (ctx, next) => {
    const { req, res } = ctx;
    const startedAt = deps.clock.monotonic();
    const requestId = newRequestId();
    const address = clientAddress(req, deps.trustProxy);
    ctx.state = {
      requestId,
      address,
      userAgent: printable(req.headers['user-agent']),
    };
    res.setHeader('X-Request-Id', requestId);
    if (hasBody(req)) boundUnread(ctx);
    res.once('close', () => {
      const status = res.writableFinished ? res.statusCode : 499;
      logRequest(deps, req, { requestId, address, route: matchedRoute(ctx), status, startedAt });
    });
    return next();
  };
}

function checkRequest({ req }: Koa.Context, next: Koa.Next): Promise<void> {
  refuseFaulty(req);
  checkTarget(req);
  return next();
}

/** Every method that some path has. */
const METHODS = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';

/** Answers what no route did: OPTIONS and 405 where the path is known, 404 elsewhere. */
function refuseUnrouted(ctx: EdgeContext): void {
  const methods = new Set((ctx.matched ?? []).flatMap((layer) => layer.methods));
  if (methods.size === 0) {
    if (ctx.req.url !== '*') throw new AppError(notFound);
    answerForAll(ctx);
    return;
  }
  const allow = [...methods, 'OPTIONS'].join(', ');
  if (ctx.method !== 'OPTIONS') throw new AppError(methodNotAllowed, { headers: { Allow: allow } });
  ctx.set('Allow', allow);
  ctx.status = 204;
}

/** `OPTIONS *` is about the server as a whole, and does nothing (RFC 9110 section 9.3.7). */
function answerForAll(ctx: EdgeContext): void {
  if (ctx.method !== 'OPTIONS') throw onlyOptions();
  ctx.set('Allow', METHODS);
  ctx.status = 204;
}

function printable(userAgent: string | undefined): string | null {
  if (userAgent === undefined) return null;
  return userAgent.slice(0, MAX_USER_AGENT).replaceAll(/[^\x20-\x7e]/g, '?');
}
