import { type AppContext, type AppRouter, createRouter } from './context.ts';

/**
 * Leads whoever types a slash behind the path of a page to the page. Only pages: what programs call
 * is called by its name, or a wrong URL would seem to work.
 */
export function slashRoutes(pages: readonly AppRouter[]): AppRouter {
  const layers = pages.flatMap(({ stack }) => stack);
  const gets = layers.filter(({ methods }) => methods.includes('GET'));
  const paths = new Set(gets.map(({ path }) => String(path)).filter((path) => path !== '/'));
  const routes = createRouter();
  for (const path of paths) {
    routes.get(`${path}/`, (ctx: AppContext) => {
      ctx.status = 308;
      // The path is the page's own, never the one that was called: two slashes would begin a host.
      ctx.set('Location', path + ctx.search);
      ctx.body = '';
    });
  }
  return routes;
}
