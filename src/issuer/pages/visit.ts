import type { AppContext } from '../../http/context.ts';
import { type RefreshCookie, refreshCookie } from '../login/refresh-cookie.ts';
import type { LoginRoutesDeps } from '../login/routes.ts';
import { findVisitor, type Visitor } from '../sessions/page.ts';
import { findUser, type User } from '../users/store.ts';
import { type Notices, notices } from './notice.ts';
import { type ReturnCookie, returnCookie } from './return-cookie.ts';

/** What telling who visits needs. */
export type VisitDeps = Pick<
  LoginRoutesDeps,
  | 'database'
  | 'clock'
  | 'tagKey'
  | 'refreshReplayWindow'
  | 'issuer'
  | 'allowedOrigins'
  | 'cookieSameSite'
>;

/** Somebody who is logged in, and in which session. */
export interface Guest extends Visitor {
  readonly user: User;
}

/** The cookies, and who comes with them. */
export interface Visits {
  readonly cookie: RefreshCookie;
  readonly notices: Notices;
  readonly returns: ReturnCookie;
  /** Who visits, by the cookie alone; nothing changes. */
  guest(ctx: AppContext): Promise<Guest | undefined>;
}

/** Makes what pages know their visitors by. */
export function visits(deps: VisitDeps): Visits {
  const cookie = refreshCookie(deps);
  return {
    cookie,
    notices: notices(deps.issuer),
    returns: returnCookie(deps),
    async guest(ctx) {
      const visitor = await findVisitor(deps, cookie.read(ctx));
      const user = visitor && (await findUser(deps.database.db, visitor.userId));
      return visitor && user && { ...visitor, user };
    },
  };
}
