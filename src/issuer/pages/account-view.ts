import type { SessionSummary } from '../sessions/end-store.ts';
import type { User } from '../users/store.ts';
import { deviceName, isHandheld } from './device.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { field, hidden, note, summaryOf, username } from './fields.ts';
import { type Content, type Html, html } from './html.ts';
import { layout } from './layout.ts';
import { moment } from './moment.ts';
import type { Site } from './site.ts';

/** What the account's forms do. */
export type AccountAction = 'name' | 'email' | 'password' | 'delete';

/** What the page of an account shows. */
export interface AccountState {
  readonly user: User;
  readonly sessions: readonly SessionSummary[];
  readonly currentSession: string;
  /** What has just been done. */
  readonly done?: string | undefined;
  /** The form that could not be done, as it was sent, and why. */
  readonly failed?:
    | {
        readonly action: string;
        readonly typed: Readonly<Record<string, string | undefined>>;
        readonly faults: Faults;
      }
    | undefined;
}

const DONE: Readonly<Record<string, string>> = {
  name: 'Your name is changed.',
  email: 'Check the mail at your new address: the change is made when you open the link in it.',
  password: 'Your password is changed, and every other device is logged out.',
  end_session: 'That device is logged out.',
  resend: 'A new link to confirm your address is on its way.',
};

/** A user's account: who they are, how they log in, where they are logged in. */
export function accountPage(site: Site, state: AccountState): Html {
  const { user, done } = state;
  const text = done !== undefined && Object.hasOwn(DONE, done) ? DONE[done] : undefined;
  return layout(site, {
    name: 'account',
    title: state.failed ? 'Error: your account' : 'Your account',
    turn: 5,
    frame: 'wide',
    nav: html`${site.todoApp && html`<a href="/app">Todos</a>`}
<form method="post" action="/account">${hidden('action', 'sign_out')}<button class="outline"
type="submit">Log out</button></form>`,
    main: html`<div class="sheet" data-user="${user.id}">
<h1>Hello, <bdi>${user.name}</bdi></h1>
<p class="lead">This is your account. You are ${user.email}.</p>
${text !== undefined && note(html`<p>${text}</p>`)}
${!user.emailVerified && unverified()}
${section('name', 'Your name', 'How applications address you.', nameForm(state))}
${section('email', 'Email address', 'Where we mail you, and what you log in with.', emailForm(state))}
${section('password', 'Password', 'Changing it logs out every other device.', passwordForm(site, state))}
${section('devices', 'Where you are logged in', 'Something here you do not know? End it, and change your password.', devices(state))}
${section('delete', 'Delete the account', 'Your account and all that belongs to it is gone for good.', deleteForm(state))}
</div>`,
  });
}

const section = (id: string, title: string, about: string, content: Content): Html =>
  html`<section class="part" aria-labelledby="${id}-title">
<div><h2 id="${id}-title">${title}</h2><p class="hint">${about}</p></div>
<div>${content}</div>
</section>`;

const unverified = (): Html =>
  note(html`<p>Your email address has not been confirmed yet: open the link that we mailed you.</p>
<form method="post" action="/account">${hidden('action', 'resend')}
<button class="outline" type="submit">Send the link again</button></form>`);

/** What went wrong with one form, and what was typed into it. */
const of = ({ failed }: AccountState, action: AccountAction) =>
  failed?.action === action
    ? failed
    : { faults: NO_FAULTS, typed: {} as Record<string, undefined> };

const form = (action: AccountAction, faults: Faults, content: Content): Html =>
  html`<form class="stack" method="post" action="/account" novalidate data-form>
${summaryOf(faults, true)}${hidden('action', action)}
${content}
</form>`;

const currentPassword = (id: string, faults: Faults): Html =>
  field(
    {
      name: 'current_password',
      id,
      label: 'Current password',
      type: 'password',
      autocomplete: 'current-password',
    },
    faults,
  );

function nameForm(state: AccountState): Html {
  const { faults, typed } = of(state, 'name');
  const value = typed.name ?? state.user.name;
  return form(
    'name',
    faults,
    html`${field({ name: 'name', label: 'Name', autocomplete: 'name', value }, faults)}
<div><button class="outline" type="submit">Change the name</button></div>`,
  );
}

function emailForm(state: AccountState): Html {
  const { faults, typed } = of(state, 'email');
  return form(
    'email',
    faults,
    html`${field({ name: 'email', label: 'New email address', type: 'email', autocomplete: 'email', value: typed.email ?? '' }, faults)}
${username(state.user.email)}
${currentPassword('email-password', faults)}
<div><button class="outline" type="submit">Change the address</button></div>`,
  );
}

function passwordForm(site: Site, state: AccountState): Html {
  const { faults } = of(state, 'password');
  const minLength = site.passwordMinLength;
  return form(
    'password',
    faults,
    html`${username(state.user.email)}
${currentPassword('old-password', faults)}
${field({ name: 'new_password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: `At least ${minLength} characters.`, minLength }, faults)}
<div><button class="outline" type="submit">Change the password</button></div>`,
  );
}

function deleteForm(state: AccountState): Html {
  const { faults } = of(state, 'delete');
  return html`<details${faults.code !== undefined && html` open`}>
<summary>I want to delete my account</summary>
${form(
  'delete',
  faults,
  html`${username(state.user.email)}
${currentPassword('delete-password', faults)}
<div><button class="destroy" type="submit">Delete my account for good</button></div>`,
)}
</details>`;
}

const devices = ({ sessions, currentSession }: AccountState): Html => html`<ul class="devices">
${sessions.map(
  (session) => html`<li>
<span class="device ${isHandheld(session.userAgent) ? 'hand' : 'desk'}" aria-hidden="true"></span>
<div><strong>${deviceName(session.userAgent)}</strong>
${session.id === currentSession && html`<span class="tag">This device</span>`}
<p class="hint">Last seen ${moment(session.lastUsedAt)}, from ${session.address}</p>
<p class="hint">Logged in ${moment(session.createdAt)}</p></div>
${
  session.id !== currentSession &&
  html`<form method="post" action="/account">
${hidden('action', 'end_session')}${hidden('session', session.id)}
<button class="outline" type="submit">End<span class="aside"> the session of ${deviceName(session.userAgent)}, from ${session.address}</span></button></form>`
}
</li>`,
)}
</ul>
<form method="post" action="/account">${hidden('action', 'sign_out_everywhere')}
<button class="outline" type="submit">Log out everywhere</button></form>`;
