import type { AppContext } from '../../http/context.ts';
import { pageCookie } from './page-cookie.ts';

/** What has just been done, as the next page tells it. */
export type Notice =
  | ('name' | 'email' | 'password' | 'end_session' | 'resend')
  | ('signed_out' | 'signed_out_everywhere' | 'password_reset' | 'account_deleted');

/** Tells the next page what has been done: by a cookie, since anybody can write an address. */
export interface Notices {
  leave(ctx: AppContext, notice: Notice): void;
  /** The notice that was left, once; other texts are the next page's to pass over. */
  take(ctx: AppContext): string | undefined;
}

/** Seconds within which the next page has to ask: it is where the form's answer leads. */
const MAX_AGE = 60;

/** Makes the notices of an issuer's pages. */
export function notices(issuer: string): Notices {
  const cookie = pageCookie(issuer, 'notice', MAX_AGE);
  return {
    leave: cookie.set,
    take(ctx) {
      const notice = cookie.read(ctx);
      if (notice !== undefined) cookie.clear(ctx);
      return notice;
    },
  };
}
