import { type AppContext, type AppRouter, createRouter } from './context.ts';

/** Whether a host, as `URL.hostname` writes it, is this machine alone. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '[::1]' || /^127\./.test(host);

/** The issuer, and whether proxies stand in front of it. */
interface Named {
  readonly issuer: string;
  readonly trustProxy: number;
}

/** A router of pages, which are served under the issuer's own name. */
export const pageRouter = (site: Named): AppRouter => createRouter().use(toOwnName(site));

/**
 * Sends whoever opened a page of a local issuer under another name of this machine (`127.0.0.1`
 * for `localhost`) to its own: cookies and origins are a name's. Behind a proxy the name is the
 * proxy's business.
 */
function toOwnName({ issuer, trustProxy }: Named) {
  const own = new URL(issuer);
  const local = isLoopback(own.hostname) && trustProxy === 0;
  return (ctx: AppContext, next: () => Promise<unknown>): Promise<unknown> => {
    const called = local ? URL.parse(`http://${ctx.req.headers.host ?? ''}`) : null;
    if (!called || called.hostname === own.hostname || !isLoopback(called.hostname)) return next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next();
    ctx.status = 307;
    ctx.set('Location', issuer + ctx.req.url);
    ctx.body = '';
    return Promise.resolve();
  };
}
