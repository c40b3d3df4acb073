import { z } from 'zod';
import type { AppContext, AppRouter } from '../../http/context.ts';
import { departure } from '../../http/departure.ts';
import { type Form, parseForm, readForm } from '../../http/form.ts';
import { pageRouter } from '../../http/own-name.ts';
import { emailAddress, passwordText, presentedPassword, text } from '../../http/text.ts';
import { AppError, invalidRequest } from '../../kit/errors.ts';
import { deleteAccount } from '../accounts/delete.ts';
import { requestEmailChange, resendVerification } from '../accounts/email.ts';
import { logOutEverywhere } from '../accounts/log-out-everywhere.ts';
import { changePassword } from '../accounts/password.ts';
import { changeName } from '../accounts/profile.ts';
import { requestOrigin } from '../audit/origin.ts';
import { listSessions } from '../sessions/end-store.ts';
import { logOut } from '../sessions/logout.ts';
import { endOwnSession } from '../sessions/own.ts';
import { type AccountState, accountPage } from './account-view.ts';
import { attempt } from './attempt.ts';
import type { Html } from './html.ts';
import type { Notice } from './notice.ts';
import type { PagesDeps } from './pages.ts';
import { seeOther, sendLongPage, sendPage } from './send-page.ts';
import type { Guest, Visits } from './visit.ts';

const password = z.string().min(1).pipe(presentedPassword);
const action = z.string();
const FORMS = {
  name: z.strictObject({ action, name: text({ min: 1, max: 200 }) }),
  email: z.strictObject({ action, email: emailAddress, current_password: password }),
  password: z.strictObject({
    action,
    current_password: password,
    new_password: z.string().min(1).pipe(passwordText),
  }),
  delete: z.strictObject({ action, current_password: password }),
  end_session: z.strictObject({ action, session: z.string() }),
};

/** Does what one of the page's forms asks for, and says where to go then. */
type Deed = (ctx: AppContext, guest: Guest, form: Form) => Promise<string>;

/** The page of an account, and what its forms do, as the user whose cookie came with them. */
export function accountPageRoutes(deps: PagesDeps, { cookie, guest, notices }: Visits): AppRouter {
  const { site } = deps;

  function done(ctx: AppContext, notice: Notice): string {
    notices.leave(ctx, notice);
    return '/account';
  }

  /** The session is over, too. */
  function over(ctx: AppContext, notice: Notice): string {
    cookie.clear(ctx);
    notices.leave(ctx, notice);
    return '/login';
  }

  const deeds: Readonly<Record<string, Deed>> = {
    async name(ctx, owner, form) {
      await changeName(deps, owner, parseForm(form, FORMS.name), requestOrigin(ctx));
      return done(ctx, 'name');
    },
    async email(ctx, owner, form) {
      const { email, current_password: currentPassword } = parseForm(form, FORMS.email);
      const input = { email, currentPassword };
      await requestEmailChange(deps, owner, input, requestOrigin(ctx), departure(ctx));
      return done(ctx, 'email');
    },
    async password(ctx, owner, form) {
      const fields = parseForm(form, FORMS.password);
      const input = { currentPassword: fields.current_password, newPassword: fields.new_password };
      await changePassword(deps, owner, input, requestOrigin(ctx), departure(ctx));
      return done(ctx, 'password');
    },
    async delete(ctx, owner, form) {
      const { current_password: currentPassword } = parseForm(form, FORMS.delete);
      await deleteAccount(deps, owner, { currentPassword }, requestOrigin(ctx), departure(ctx));
      return over(ctx, 'account_deleted');
    },
    async end_session(ctx, { userId }, form) {
      // One that has ended meanwhile is what was asked for.
      await endOwnSession(
        deps,
        userId,
        parseForm(form, FORMS.end_session).session,
        requestOrigin(ctx),
      );
      return done(ctx, 'end_session');
    },
    async resend(ctx, owner) {
      await resendVerification(deps, owner, requestOrigin(ctx));
      return done(ctx, 'resend');
    },
    async sign_out(ctx) {
      const token = cookie.read(ctx);
      const now = deps.clock.now();
      if (token !== undefined) await logOut(deps, token, { origin: requestOrigin(ctx), now });
      return over(ctx, 'signed_out');
    },
    async sign_out_everywhere(ctx, { userId }) {
      await logOutEverywhere(deps, userId, requestOrigin(ctx));
      return over(ctx, 'signed_out_everywhere');
    },
  };

  async function pageOf(who: Guest, more: Partial<AccountState>): Promise<Html> {
    const { userId, sessionId: currentSession, user } = who;
    const sessions = await listSessions(deps.database.db, userId, deps.clock.now());
    return accountPage(site, { user, sessions, currentSession, ...more });
  }

  return pageRouter(site)
    .get('/account', async (ctx) => {
      const who = await guest(ctx);
      if (!who) return seeOther(ctx, '/login?return_to=%2Faccount');
      await sendLongPage(ctx, site, await pageOf(who, { done: notices.take(ctx) }));
    })
    .post('/account', async (ctx) => {
      cookie.guard(ctx);
      const form = await readForm(ctx);
      const asked = form.get('action') ?? '';
      const deed = Object.hasOwn(deeds, asked) ? deeds[asked] : undefined;
      if (!deed) throw new AppError(invalidRequest, { detail: 'The form asks for nothing known.' });
      const who = await guest(ctx);
      if (!who) return seeOther(ctx, '/login?reason=session_ended&return_to=%2Faccount');
      let failed: { again: Partial<AccountState>; status: number } | undefined;
      await attempt(
        ctx,
        ['name', 'email', 'current_password', 'new_password'],
        async () => seeOther(ctx, await deed(ctx, who, form)),
        (faults, status) => {
          const typed = { name: form.get('name'), email: form.get('email') };
          failed = { again: { failed: { action: asked, typed, faults } }, status };
        },
      );
      if (failed) sendPage(ctx, site, await pageOf(who, failed.again), failed.status);
    });
}
