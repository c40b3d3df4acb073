import { z } from 'zod';
import { noFields, readJson } from '../../http/body.ts';
import { type AppContext, type AppRouter, createRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { ADA } from '../../http/examples.ts';
import { sendJson } from '../../http/send-json.ts';
import { presentedPassword, text } from '../../http/text.ts';
import { requestOrigin } from '../audit/origin.ts';
import { authenticate, authenticateBy, type BearerDeps } from '../sessions/bearer.ts';
import { renderUser } from '../users/claims.ts';
import type { User } from '../users/store.ts';
import { type DeleteDeps, deleteAccount } from './delete.ts';
import { logOutEverywhere } from './log-out-everywhere.ts';
import { findOwner } from './owner-store.ts';
import { changeName } from './profile.ts';

/** What every route of an account needs. */
export type AccountRoutesDeps = BearerDeps & DeleteDeps;

/** What of an account changes without more ado. */
export const profile = z
  .strictObject({ name: text({ min: 1, max: 200, trim: true }) })
  .meta({ id: 'Profile', examples: [{ name: ADA.name }] });
/** Asked for before an account is deleted. */
export const confirmation = z
  .strictObject({ current_password: presentedPassword })
  .meta({ id: 'Confirmation', examples: [{ current_password: ADA.password }] });

/** A user's own account. */
export function accountRoutes(deps: AccountRoutesDeps): AppRouter {
  const answer = (ctx: AppContext, user: User): void => sendJson(ctx, renderUser(user));

  return createRouter()
    .get('/api/auth/me', async (ctx) => {
      const { db } = deps.database;
      answer(
        ctx,
        await authenticateBy(deps, ctx, ({ userId, sessionId }, now) =>
          findOwner(db, { userId, sessionId, now }),
        ),
      );
    })
    .patch('/api/auth/me', async (ctx) => {
      const owner = await authenticate(deps, ctx);
      answer(ctx, await changeName(deps, owner, await readJson(ctx, profile), requestOrigin(ctx)));
    })
    .delete('/api/auth/me', async (ctx) => {
      const owner = await authenticate(deps, ctx);
      const { current_password: currentPassword } = await readJson(ctx, confirmation);
      await deleteAccount(deps, owner, { currentPassword }, requestOrigin(ctx), departure(ctx));
      ctx.status = 204;
    })
    .post('/api/auth/logout-all', async (ctx) => {
      const { userId } = await authenticate(deps, ctx);
      await readJson(ctx, noFields);
      await logOutEverywhere(deps, userId, requestOrigin(ctx));
      ctx.status = 204;
    });
}
