import type Koa from 'koa';
import type { AppRouter, AppState, RouteMatch } from './context.ts';

type Handle = Koa.Middleware<AppState, RouteMatch>;

/** A route's pattern. */
interface Pattern {
  /** What stands before its first parameter. */
  readonly prefix: string;
  /** Whether it has no parameter. */
  readonly isFixed: boolean;
  readonly regexp: RegExp;
  /** The router that has it. */
  readonly handle: Handle;
}

/**
 * Puts routers behind each other, in their order, but asks only those that can know the path: each
 * one that is asked tries all of its patterns, and there are a dozen. What none knows goes on to
 * the next middleware, as does a known path with another method, its match left on the context.
 */
export function dispatch(routers: readonly AppRouter[]): Handle {
  const patterns = routers.flatMap((router) => patternsOf(router, router.routes()));
  const open = patterns.filter(({ isFixed }) => !isFixed);
  const handles = new Map<string, Handle>();
  for (const { isFixed, prefix: path } of patterns) {
    if (isFixed) handles.set(path, chain(patterns.filter(({ regexp }) => regexp.test(path))));
  }
  const openHandles = new Map<string, Handle>();

  return (ctx, next) => {
    const { path } = ctx;
    const handle = handles.get(path);
    if (handle) return handle(ctx, next);
    const candidates = open.filter(({ prefix }) => path.startsWith(prefix));
    // As many distinct keys as there are combinations of patterns, not paths.
    const key = candidates.map(({ prefix }) => prefix).join(' ');
    const openHandle = openHandles.get(key) ?? chain(candidates);
    openHandles.set(key, openHandle);
    return openHandle(ctx, next);
  };
}

const patternsOf = (router: AppRouter, routes: unknown): Pattern[] =>
  router.stack
    .filter(({ methods }) => methods.length > 0)
    .map(({ path, regexp }) => {
      const text = String(path);
      const prefix = /^[^:*{]*/.exec(text)?.[0] ?? '';
      return { prefix, isFixed: prefix === text, regexp, handle: routes as Handle };
    });

/** The routers of some patterns, each once; a path that one does not know is the next one's. */
function chain(patterns: readonly Pattern[]): Handle {
  const handles = [...new Set(patterns.map(({ handle }) => handle))];
  return handles.reduceRight<Handle>(
    (following, handle) => (ctx, next) => handle(ctx, () => following(ctx, next)),
    (_ctx, next) => next(),
  );
}
