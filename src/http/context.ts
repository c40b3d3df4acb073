import { type Layer, Router, type RouterContext } from '@koa/router';
import type Koa from 'koa';

/** What the edge knows of a request, computed once before any handler runs. */
export interface AppState {
  /** Our own id of the request, the answer's `X-Request-Id`. */
  readonly requestId: string;
  /** The client's address, read by the trusted proxy hops; at most 45 characters. */
  readonly address: string;
  /** The `User-Agent`, printable and at most 400 characters; null when there was none. */
  readonly userAgent: string | null;
}

/** What handlers are called with. */
export type AppContext = RouterContext<AppState, object>;

/** A room's routes. */
export type AppRouter = Router<AppState, object>;

/** What the router leaves on the context; the edge reads it after the routes ran. */
export interface RouteMatch {
  matched?: Layer<AppState, object>[];
  _matchedRoute?: string | RegExp;
}

/** What the edge's own middleware is called with. */
export type EdgeContext = Koa.ParameterizedContext<AppState, RouteMatch>;

/** The application that `createApp` builds. */
export type App = Koa<AppState, RouteMatch>;

/** A router whose paths match exactly: no other case, no trailing slash. */
export const createRouter = (): AppRouter =>
  new Router<AppState, object>({ sensitive: true, strict: true });

/**
 * The pattern that answered, or that matched by path alone (a 405); undefined matches become null.
 * Patterns, unlike paths, are few: they can label metrics.
 */
export function matchedRoute(ctx: RouteMatch): string | null {
  if (ctx._matchedRoute !== undefined) return String(ctx._matchedRoute);
  const layer = ctx.matched?.find(({ methods }) => methods.length > 0);
  return layer ? String(layer.path) : null;
}
