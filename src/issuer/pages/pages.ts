import type { AppRouter } from '../../http/context.ts';
import { slashRoutes } from '../../http/slashes.ts';
import type { AccountRoutesDeps } from '../accounts/routes.ts';
import type { LoginRoutesDeps } from '../login/routes.ts';
import { accountPageRoutes } from './account-routes.ts';
import { entryRoutes } from './entry-routes.ts';
import { homeRoutes } from './home-routes.ts';
import { recoveryRoutes } from './recovery-routes.ts';
import type { Site } from './site.ts';
import { visits } from './visit.ts';

/** What the pages need: what the calls of the API need, and what all pages share. */
export type PagesDeps = LoginRoutesDeps & AccountRoutesDeps & { readonly site: Site };

/** The hosted pages. They call what the API calls; nothing can be done here that it cannot do. */
export function pageRoutes(deps: PagesDeps): AppRouter[] {
  const who = visits(deps);
  const pages = [
    entryRoutes(deps, who),
    accountPageRoutes(deps, who),
    recoveryRoutes(deps, who),
    homeRoutes(deps, who),
  ];
  return [...pages, slashRoutes(pages)];
}
