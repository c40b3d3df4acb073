import type { AppContext } from '../../http/context.ts';
import { pageCookie } from './page-cookie.ts';
import { DEFAULT_RETURN, type ReturnPolicy, resolveReturn } from './return-to.ts';

/** Where somebody wanted to go before they were sent to their mail. */
export interface ReturnCookie {
  /** Keeps where `return_to` leads, until a mailed link is opened in this browser. */
  keep(ctx: AppContext, returnTo: string | undefined): void;
  /** Undefined where nothing was kept, or nothing that may be gone to any more. */
  read(ctx: AppContext): string | undefined;
  clear(ctx: AppContext): void;
}

/** Seconds: longer than mail takes, shorter than anybody remembers. */
const MAX_AGE = 3600;
/** Browsers drop a cookie of more than 4096 bytes, and ours are encoded. */
const LONGEST = 2048;

/**
 * Makes the cookie that carries `return_to` past a mail. Never by the mail itself: whoever asks for
 * one to somebody else's address would decide where its reader ends.
 */
export function returnCookie(policy: ReturnPolicy): ReturnCookie {
  const cookie = pageCookie(policy.issuer, 'return_to', MAX_AGE);
  const resolve = (text: string | undefined): string | undefined => {
    const where = resolveReturn(text, policy);
    return where === DEFAULT_RETURN ? undefined : where;
  };
  const clear = (ctx: AppContext): void => {
    if (cookie.read(ctx) !== undefined) cookie.clear(ctx);
  };
  return {
    keep(ctx, returnTo) {
      const where = resolve(returnTo);
      if (where !== undefined && where.length <= LONGEST) cookie.set(ctx, where);
      else clear(ctx);
    },
    read: (ctx) => resolve(cookie.read(ctx)),
    clear,
  };
}
