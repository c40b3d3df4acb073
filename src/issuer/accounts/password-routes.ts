import { z } from 'zod';
import { readJson } from '../../http/body.ts';
import { type AppRouter, createRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { ADA, MAILED_TOKEN, OTHER_PASSWORD } from '../../http/examples.ts';
import { sendJson } from '../../http/send-json.ts';
import { emailAddress, passwordText, presentedPassword } from '../../http/text.ts';
import { requestOrigin } from '../audit/origin.ts';
import { authenticate } from '../sessions/bearer.ts';
import { changePassword, resetPassword } from './password.ts';
import { requestPasswordReset } from './requests.ts';
import type { AccountRoutesDeps } from './routes.ts';

/** Whose password is forgotten. */
export const forgotten = z
  .strictObject({ email: emailAddress })
  .meta({ id: 'ForgottenPassword', examples: [{ email: ADA.email }] });
/** A password, and the token of the link that lets it be set. */
export const freshPassword = z
  .strictObject({ token: z.string(), password: passwordText })
  .meta({ id: 'FreshPassword', examples: [{ token: MAILED_TOKEN, password: OTHER_PASSWORD }] });
/** The password as it is and as it is to be. */
export const changedPassword = z
  .strictObject({ current_password: presentedPassword, new_password: passwordText })
  .meta({
    id: 'ChangedPassword',
    examples: [{ current_password: ADA.password, new_password: OTHER_PASSWORD }],
  });

/** Forgotten, reset and changed passwords. */
export function passwordRoutes(deps: AccountRoutesDeps): AppRouter {
  return createRouter()
    .post('/api/auth/password/forgot', async (ctx) => {
      await requestPasswordReset(deps, await readJson(ctx, forgotten), requestOrigin(ctx));
      ctx.status = 202;
      sendJson(ctx, {});
    })
    .post('/api/auth/password/reset', async (ctx) => {
      const input = await readJson(ctx, freshPassword);
      await resetPassword(deps, input, requestOrigin(ctx), departure(ctx));
      ctx.status = 204;
    })
    .post('/api/auth/password/change', async (ctx) => {
      const owner = await authenticate(deps, ctx);
      const { current_password: currentPassword, new_password: newPassword } = await readJson(
        ctx,
        changedPassword,
      );
      const input = { currentPassword, newPassword };
      await changePassword(deps, owner, input, requestOrigin(ctx), departure(ctx));
      ctx.status = 204;
    });
}
