import { z } from 'zod';
import { readJson } from '../../http/body.ts';
import { type AppContext, type AppRouter, createRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { ADA, REFRESH_TOKEN } from '../../http/examples.ts';
import { sendJson } from '../../http/send-json.ts';
import { emailAddress, passwordText, presentedPassword, text } from '../../http/text.ts';
import { AppError } from '../../kit/errors.ts';
import { requestOrigin } from '../audit/origin.ts';
import { invalidRefreshToken } from '../sessions/errors.ts';
import { logOut } from '../sessions/logout.ts';
import { type RefreshDeps, refresh } from '../sessions/refresh.ts';
import type { Tokens } from '../sessions/tokens.ts';
import { renderUser } from '../users/claims.ts';
import type { User } from '../users/store.ts';
import { limitRefusal } from './limit-refusal.ts';
import { login, requireRoom } from './login.ts';
import { type CookieDeps, refreshCookie } from './refresh-cookie.ts';
import { type RegisterDeps, register, requireOpen } from './register.ts';

/** What these routes need. */
export type LoginRoutesDeps = RegisterDeps & RefreshDeps & CookieDeps;

/** The calls that set or use the cookie. */
export const COOKIE_PATHS: ReadonlySet<string> = new Set(
  ['register', 'login', 'refresh', 'logout'].map((call) => `/api/auth/${call}`),
);

const delivery = z.enum(['body', 'cookie']).default('body');
/** Who logs in. */
export const credentials = z
  .strictObject({ email: emailAddress, password: presentedPassword, delivery })
  .meta({ id: 'Credentials', examples: [{ email: ADA.email, password: ADA.password }] });
/** Who registers. */
export const registration = z
  .strictObject({
    email: emailAddress,
    password: passwordText,
    name: text({ min: 1, max: 200, trim: true }),
    delivery,
  })
  .meta({ id: 'Registration', examples: [ADA] });
/** The refresh token, unless it is in the cookie. */
export const presented = z
  .strictObject({ refresh_token: z.string().optional() })
  .meta({ id: 'RefreshToken', examples: [{ refresh_token: REFRESH_TOKEN }] });

/** Register, log in, refresh, log out (RFC 6749's names for what they answer). */
export function loginRoutes(deps: LoginRoutesDeps): AppRouter {
  const cookie = refreshCookie(deps);

  /** Where the refresh token goes, decided before anything happens. */
  function context(ctx: AppContext, delivered: 'body' | 'cookie') {
    const common = { origin: requestOrigin(ctx), signal: departure(ctx) };
    if (delivered === 'body') return common;
    cookie.guard(ctx);
    return { ...common, replacedToken: cookie.read(ctx) };
  }

  /** The refresh token that a call presents; a token in the body wins over the cookie. */
  async function readPresented(ctx: AppContext) {
    const { refresh_token: inBody } = await readJson(ctx, presented);
    if (inBody !== undefined) return { text: inBody, delivery: 'body' as const };
    const inCookie = cookie.read(ctx);
    if (inCookie === undefined) return undefined;
    cookie.guard(ctx);
    return { text: inCookie, delivery: 'cookie' as const };
  }

  function answer(ctx: AppContext, delivered: 'body' | 'cookie', tokens: Tokens, user?: User) {
    if (delivered === 'cookie') cookie.set(ctx, tokens.refreshToken, tokens.refreshExpiresIn);
    sendJson(ctx, {
      access_token: tokens.accessToken,
      token_type: 'Bearer',
      expires_in: tokens.expiresIn,
      ...(delivered === 'body' && { refresh_token: tokens.refreshToken }),
      refresh_expires_in: tokens.refreshExpiresIn,
      ...(user && { user: renderUser(user) }),
    });
  }

  return createRouter()
    .post('/api/auth/refresh', async (ctx) => {
      const token = await readPresented(ctx);
      if (!token) throw new AppError(invalidRefreshToken);
      const origin = requestOrigin(ctx);
      const refreshed = refresh(deps, { ...token, origin });
      const tokens = await refreshed.catch((reason) => limitRefusal(deps, reason, origin));
      answer(ctx, token.delivery, tokens);
    })
    .post('/api/auth/login', async (ctx) => {
      requireRoom(deps);
      const { delivery, ...input } = await readJson(ctx, credentials);
      const { user, tokens, rateLimit } = await login(deps, input, context(ctx, delivery));
      ctx.set(rateLimit ?? {});
      answer(ctx, delivery, tokens, user);
    })
    .post('/api/auth/register', async (ctx) => {
      requireOpen(deps);
      const { delivery, ...input } = await readJson(ctx, registration);
      const registered = await register(deps, input, context(ctx, delivery));
      if (registered) {
        ctx.set(registered.rateLimit ?? {});
        answer(ctx, delivery, registered.tokens, registered.user);
        ctx.status = 201;
      } else {
        ctx.status = 202;
        sendJson(ctx, {});
      }
    })
    .post('/api/auth/logout', async (ctx) => {
      const token = await readPresented(ctx);
      if (token) {
        await logOut(deps, token.text, { origin: requestOrigin(ctx), now: deps.clock.now() });
        if (token.delivery === 'cookie') cookie.clear(ctx);
      }
      ctx.status = 204;
    });
}
