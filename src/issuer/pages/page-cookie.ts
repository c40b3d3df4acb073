import type { AppContext } from '../../http/context.ts';
import { clearCookie, readCookie, setCookie } from '../../http/cookie.ts';

/** What one page leaves for a later one in the same browser. */
export interface PageCookie {
  /** What is there, if anything. */
  read(ctx: AppContext): string | undefined;
  set(ctx: AppContext, text: string): void;
  clear(ctx: AppContext): void;
}

/**
 * Makes a cookie of the pages' own, `__Host-` and Secure on https. It is `Strict`: the pages' own
 * forms and links bring it along, and nobody else's.
 * @param maxAge whole seconds
 */
export function pageCookie(issuer: string, word: string, maxAge: number): PageCookie {
  const secure = issuer.startsWith('https:');
  const name = `${secure ? '__Host-' : ''}keyturn_${word}`;
  const spec = { name, sameSite: 'strict', secure } as const;
  return {
    read(ctx) {
      const value = readCookie(ctx, name);
      return value === undefined ? undefined : Buffer.from(value, 'base64url').toString();
    },
    // Cookies cannot hold all that addresses can.
    set: (ctx, text) =>
      setCookie(ctx, { ...spec, maxAge, value: Buffer.from(text).toString('base64url') }),
    clear: (ctx) => clearCookie(ctx, spec),
  };
}
