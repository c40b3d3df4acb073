import type { AppRouter } from '../../http/context.ts';
import { pageRouter } from '../../http/own-name.ts';
import { homePage } from './home-view.ts';
import type { PagesDeps } from './pages.ts';
import { seeOther, sendPage } from './send-page.ts';
import type { Visits } from './visit.ts';

/** The front door: for a newcomer where things are, for somebody who is logged in the account. */
export function homeRoutes({ site }: PagesDeps, { guest }: Visits): AppRouter {
  return pageRouter(site).get('/', async (ctx) => {
    if (await guest(ctx)) seeOther(ctx, '/account');
    else sendPage(ctx, site, homePage(site));
  });
}
