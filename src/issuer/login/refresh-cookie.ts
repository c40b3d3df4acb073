import type { AppContext } from '../../http/context.ts';
import { clearCookie, readCookie, setCookie } from '../../http/cookie.ts';
import { requireSameOrigin } from '../../http/origin.ts';

/** What the refresh token's cookie depends on. */
export interface CookieDeps {
  readonly issuer: string;
  readonly allowedOrigins: readonly string[];
  readonly cookieSameSite: 'lax' | 'strict' | 'none';
}

/** The cookie that carries a browser's refresh token; the one place that knows its name. */
export interface RefreshCookie {
  /** Its value, if there is one. */
  read(ctx: AppContext): string | undefined;
  /** @throws AppError `csrf_rejected` when the call may neither use nor set the cookie */
  guard(ctx: AppContext): void;
  /** @param maxAge whole seconds */
  set(ctx: AppContext, value: string, maxAge: number): void;
  clear(ctx: AppContext): void;
}

const isSecure = (issuer: string): boolean => issuer.startsWith('https:');

/** What an issuer's cookie is called: `__Host-` on https. */
export const refreshCookieName = (issuer: string): string =>
  isSecure(issuer) ? '__Host-keyturn_refresh' : 'keyturn_refresh';

/** Makes the cookie for an issuer: `__Host-` and Secure on https. */
export function refreshCookie(deps: CookieDeps): RefreshCookie {
  const attributes = {
    name: refreshCookieName(deps.issuer),
    sameSite: deps.cookieSameSite,
    secure: isSecure(deps.issuer),
  };
  return {
    read: (ctx) => readCookie(ctx, attributes.name),
    guard: (ctx) => requireSameOrigin(ctx, deps),
    set: (ctx, value, maxAge) => setCookie(ctx, { ...attributes, value, maxAge }),
    clear: (ctx) => clearCookie(ctx, attributes),
  };
}
