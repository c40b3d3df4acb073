import { z } from 'zod';
import type { AppContext, AppRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { type Form, parseForm, readForm } from '../../http/form.ts';
import { pageRouter } from '../../http/own-name.ts';
import { emailAddress, passwordText, presentedPassword, text } from '../../http/text.ts';
import { requestOrigin } from '../audit/origin.ts';
import { type LoggedIn, login } from '../login/login.ts';
import { register } from '../login/register.ts';
import { attempt } from './attempt.ts';
import { checkMailPage, closedPage, loginPage, registerPage } from './login-view.ts';
import type { PagesDeps } from './pages.ts';
import { askedReturn, resolveReturn } from './return-to.ts';
import { seeOther, sendPage } from './send-page.ts';
import type { Visits } from './visit.ts';

const given = z.string().min(1);
const credentials = z.strictObject({
  email: emailAddress,
  password: given.pipe(presentedPassword),
  return_to: z.string().optional(),
});
const registration = z.strictObject({
  name: text({ min: 1, max: 200 }),
  email: emailAddress,
  password: given.pipe(passwordText),
  return_to: z.string().optional(),
});

/** The pages to log in and to register. */
export function entryRoutes(
  deps: PagesDeps,
  { cookie, guest, notices, returns }: Visits,
): AppRouter {
  const { site } = deps;

  const context = (ctx: AppContext) => ({
    origin: requestOrigin(ctx),
    signal: departure(ctx),
    replacedToken: cookie.read(ctx),
  });

  function enter(ctx: AppContext, { tokens }: LoggedIn, returnTo: string | undefined): void {
    cookie.set(ctx, tokens.refreshToken, tokens.refreshExpiresIn);
    seeOther(ctx, resolveReturn(returnTo, deps));
  }

  /** What was typed, to be shown again; never the password. */
  const typed = (form: Form) => ({
    email: form.get('email'),
    name: form.get('name'),
    returnTo: askedReturn(form.get('return_to'), deps),
  });

  const asked = (ctx: AppContext) => {
    const query = new URLSearchParams(ctx.querystring);
    return {
      returnTo: askedReturn(query.get('return_to'), deps),
      reason: query.get('reason') ?? undefined,
    };
  };

  return pageRouter(site)
    .get('/login', async (ctx) => {
      const visitor = (await guest(ctx))?.user;
      const notice = notices.take(ctx);
      // Somebody who is in was not logged out; not any more.
      const done = visitor ? undefined : notice;
      sendPage(ctx, site, loginPage(site, { ...asked(ctx), visitor, done }));
    })
    .post('/login', async (ctx) => {
      cookie.guard(ctx);
      const form = await readForm(ctx);
      await attempt(
        ctx,
        ['email', 'password'],
        async () => {
          const { return_to: returnTo, ...input } = parseForm(form, credentials);
          enter(ctx, await login(deps, input, context(ctx)), returnTo);
        },
        (faults, status) =>
          sendPage(ctx, site, loginPage(site, { ...typed(form), faults }), status),
      );
    })
    .get('/register', async (ctx) => {
      const closed = site.registration === 'closed';
      const visitor = closed ? undefined : (await guest(ctx))?.user;
      const state = { ...asked(ctx), visitor };
      sendPage(ctx, site, closed ? closedPage(site, state) : registerPage(site, state));
    })
    .post('/register', async (ctx) => {
      cookie.guard(ctx);
      const form = await readForm(ctx);
      await attempt(
        ctx,
        ['name', 'email', 'password'],
        async () => {
          const { return_to: returnTo, ...input } = parseForm(form, registration);
          const registered = await register(deps, input, context(ctx));
          if (registered) return enter(ctx, registered, returnTo);
          returns.keep(ctx, returnTo);
          const state = { email: input.email, returnTo: askedReturn(returnTo, deps) };
          sendPage(ctx, site, checkMailPage(site, state), 202);
        },
        (faults, status) =>
          sendPage(
            ctx,
            site,
            faults.code === 'registration_closed'
              ? closedPage(site, typed(form))
              : registerPage(site, { ...typed(form), faults }),
            status,
          ),
      );
    });
}
