import { z } from 'zod';
import type { AppContext, AppRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { parseForm, readForm } from '../../http/form.ts';
import { pageRouter } from '../../http/own-name.ts';
import { emailAddress, passwordText } from '../../http/text.ts';
import { verifyEmail } from '../accounts/email.ts';
import { resetPassword } from '../accounts/password.ts';
import { requestPasswordReset, requestVerification } from '../accounts/requests.ts';
import { requestOrigin } from '../audit/origin.ts';
import { attempt } from './attempt.ts';
import type { PagesDeps } from './pages.ts';
import { forgotPage, resetPage, sentAgainPage, verifyPage } from './recovery-view.ts';
import { askedReturn, withReturn } from './return-to.ts';
import { seeOther, sendPage } from './send-page.ts';
import type { Visits } from './visit.ts';

/**
 * A mailed token, or the link around it, as somebody without scripts pastes it; also out of the raw
 * mail, where a long line is broken by `=` and the link's own `=` is `=3D`.
 */
const mailedToken = z
  .string()
  .trim()
  .min(1)
  .transform((text) => text.replace(/^.*#token=/s, '').replace(/^3D|=\s*/g, ''));

const whose = z.strictObject({ email: emailAddress, return_to: z.string().optional() });
const fresh = z.strictObject({
  token: mailedToken,
  password: z.string().min(1).pipe(passwordText),
});
const confirmation = z.strictObject({ action: z.literal('confirm'), token: mailedToken });
const resend = whose.extend({ action: z.literal('resend') });

/** The pages that lead back to an account, and the one that confirms an address. */
export function recoveryRoutes(deps: PagesDeps, { cookie, notices, returns }: Visits): AppRouter {
  const { site } = deps;

  const asked = (ctx: AppContext) => {
    const query = new URLSearchParams(ctx.querystring);
    return { query, returnTo: askedReturn(query.get('return_to'), deps) };
  };

  return pageRouter(site)
    .get('/forgot-password', (ctx) => {
      const { query, returnTo } = asked(ctx);
      sendPage(ctx, site, forgotPage(site, { done: query.has('done'), returnTo }));
    })
    .post('/forgot-password', async (ctx) => {
      cookie.guard(ctx);
      const form = await readForm(ctx);
      const returnTo = askedReturn(form.get('return_to'), deps);
      await attempt(
        ctx,
        ['email'],
        async () => {
          const { email } = parseForm(form, whose);
          await requestPasswordReset(deps, { email }, requestOrigin(ctx));
          returns.keep(ctx, returnTo);
          seeOther(ctx, withReturn('/forgot-password?done', returnTo));
        },
        (faults, status) => {
          const page = forgotPage(site, { email: form.get('email'), returnTo, faults });
          sendPage(ctx, site, page, status);
        },
      );
    })
    .get('/reset-password', (ctx) => {
      sendPage(ctx, site, resetPage(site, { returnTo: returns.read(ctx) }));
    })
    .post('/reset-password', async (ctx) => {
      cookie.guard(ctx);
      const form = await readForm(ctx);
      const returnTo = returns.read(ctx);
      await attempt(
        ctx,
        ['token', 'password'],
        async () => {
          const input = parseForm(form, fresh);
          await resetPassword(deps, input, requestOrigin(ctx), departure(ctx));
          // Every session is over, this browser's as well.
          cookie.clear(ctx);
          returns.clear(ctx);
          notices.leave(ctx, 'password_reset');
          seeOther(ctx, withReturn('/login', returnTo));
        },
        (faults, status) => {
          const page = resetPage(site, { token: form.get('token'), returnTo, faults });
          sendPage(ctx, site, page, status);
        },
      );
    })
    .get('/verify-email', (ctx) => {
      const { query, returnTo } = asked(ctx);
      const state = { done: query.has('done'), returnTo: returnTo ?? returns.read(ctx) };
      sendPage(ctx, site, query.has('sent') ? sentAgainPage(site, state) : verifyPage(site, state));
    })
    .post('/verify-email', async (ctx) => {
      cookie.guard(ctx);
      const form = await readForm(ctx);
      const again = form.get('action') === 'resend';
      await attempt(
        ctx,
        again ? ['email'] : ['token'],
        async () => {
          const origin = requestOrigin(ctx);
          if (again) {
            const { email } = parseForm(form, resend);
            await requestVerification(deps, { email }, origin);
            const returnTo = askedReturn(form.get('return_to'), deps);
            returns.keep(ctx, returnTo);
            return seeOther(ctx, withReturn('/verify-email?sent', returnTo));
          }
          await verifyEmail(deps, parseForm(form, confirmation), origin);
          const returnTo = returns.read(ctx);
          returns.clear(ctx);
          seeOther(ctx, withReturn('/verify-email?done', returnTo));
        },
        (faults, status) =>
          sendPage(ctx, site, verifyPage(site, { token: form.get('token'), faults }), status),
      );
    });
}
