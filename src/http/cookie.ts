import type { IncomingMessage, ServerResponse } from 'node:http';
import { withoutWhiteSpace } from './white-space.ts';

/** What of a cookie is not its value; must be the same when it is cleared. */
export interface CookieSpec {
  readonly name: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly secure: boolean;
}

/** A cookie to set. */
export interface Cookie extends CookieSpec {
  readonly value: string;
  /** Whole seconds. */
  readonly maxAge: number;
}

const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const;

/**
 * The value of a cookie, undefined when it is absent. Two of one name with different values count
 * as none: a sibling host or another path may have planted one of them (a `__Host-` name makes
 * that impossible, a plain one does not), and which one a browser lists first is the planter's
 * choice. Whatever else the header holds is passed over.
 */
export function readCookie(
  { req }: { readonly req: IncomingMessage },
  name: string,
): string | undefined {
  const header = req.headers.cookie;
  if (header === undefined) return undefined;
  let found: string | undefined;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || withoutWhiteSpace(pair.slice(0, equals)) !== name) continue;
    const value = withoutWhiteSpace(pair.slice(equals + 1));
    if (found !== undefined && found !== value) return undefined;
    found = value;
  }
  return found;
}

/**
 * Adds a Set-Cookie (RFC 6265): HttpOnly, for every path, without Domain. Throws a TypeError for a
 * value with characters that a cookie cannot hold.
 */
export function setCookie({ res }: { readonly res: ServerResponse }, cookie: Cookie): void {
  if (!COOKIE_VALUE.test(cookie.value)) throw new TypeError(`bad value for cookie ${cookie.name}`);
  const secure = cookie.secure ? '; Secure' : '';
  res.appendHeader(
    'Set-Cookie',
    `${cookie.name}=${cookie.value}; Max-Age=${Math.floor(cookie.maxAge)}; Path=/; HttpOnly; ` +
      `SameSite=${SAME_SITE[cookie.sameSite]}${secure}`,
  );
}

/** Makes the browser drop a cookie that was set with the same spec. */
export function clearCookie(ctx: { readonly res: ServerResponse }, spec: CookieSpec): void {
  setCookie(ctx, { ...spec, value: '', maxAge: 0 });
}
