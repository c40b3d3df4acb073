import type { AppRouter } from '../http/context.ts';
import { emailRoutes } from './accounts/email-routes.ts';
import { passwordRoutes } from './accounts/password-routes.ts';
import { type AccountRoutesDeps, accountRoutes } from './accounts/routes.ts';
import { type LoginRoutesDeps, loginRoutes } from './login/routes.ts';
import { type PagesDeps, pageRoutes } from './pages/pages.ts';
import { sessionRoutes } from './sessions/routes.ts';

/** What the issuer's rooms need together. */
export type IssuerRoutesDeps = LoginRoutesDeps & AccountRoutesDeps & PagesDeps;

/** Every room's routes, the most frequent first. */
export const issuerRoutes = (deps: IssuerRoutesDeps): AppRouter[] => [
  loginRoutes(deps),
  accountRoutes(deps),
  sessionRoutes(deps),
  passwordRoutes(deps),
  emailRoutes(deps),
  ...pageRoutes(deps),
];
