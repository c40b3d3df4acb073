import { z } from 'zod';
import { noFields, readJson } from '../../http/body.ts';
import { type AppContext, type AppRouter, createRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { ADA, MAILED_TOKEN } from '../../http/examples.ts';
import { sendJson } from '../../http/send-json.ts';
import { emailAddress, presentedPassword } from '../../http/text.ts';
import { requestOrigin } from '../audit/origin.ts';
import { authenticate } from '../sessions/bearer.ts';
import { requestEmailChange, resendVerification, verifyEmail } from './email.ts';
import { requestVerification } from './requests.ts';
import type { AccountRoutesDeps } from './routes.ts';

/** The address that is to be. */
export const changedEmail = z
  .strictObject({ email: emailAddress, current_password: presentedPassword })
  .meta({
    id: 'ChangedEmail',
    examples: [{ email: 'ada.lovelace@example.com', current_password: ADA.password }],
  });
/** The token of a mailed link. */
export const mailedToken = z
  .strictObject({ token: z.string() })
  .meta({ id: 'MailedToken', examples: [{ token: MAILED_TOKEN }] });
const whose = z.strictObject({ email: emailAddress });
/** Whose address is verified: with a bearer token its user's. */
export const unverified = z
  .union([whose, noFields])
  .meta({ id: 'UnverifiedEmail', examples: [{ email: ADA.email }] });

/** Changed and verified addresses. */
export function emailRoutes(deps: AccountRoutesDeps): AppRouter {
  const accepted = (ctx: AppContext): void => {
    ctx.status = 202;
    sendJson(ctx, {});
  };

  return createRouter()
    .post('/api/auth/email/change', async (ctx) => {
      const owner = await authenticate(deps, ctx);
      const { email, current_password: currentPassword } = await readJson(ctx, changedEmail);
      const input = { email, currentPassword };
      await requestEmailChange(deps, owner, input, requestOrigin(ctx), departure(ctx));
      accepted(ctx);
    })
    .post('/api/auth/email/resend', async (ctx) => {
      const origin = requestOrigin(ctx);
      if (ctx.req.headers.authorization === undefined) {
        await requestVerification(deps, await readJson(ctx, whose), origin);
      } else {
        const owner = await authenticate(deps, ctx);
        await readJson(ctx, noFields);
        await resendVerification(deps, owner, origin);
      }
      accepted(ctx);
    })
    .post('/api/auth/email/verify', async (ctx) => {
      await verifyEmail(deps, await readJson(ctx, mailedToken), requestOrigin(ctx));
      ctx.status = 204;
    });
}
