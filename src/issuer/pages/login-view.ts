import type { User } from '../users/store.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { alert, field, hidden, note, summaryOf } from './fields.ts';
import { type Content, type Html, html } from './html.ts';
import { layout } from './layout.ts';
import { withReturn } from './return-to.ts';
import type { Site } from './site.ts';

/** What the pages to log in and to register show. */
export interface EntryState {
  readonly returnTo?: string | undefined;
  /** What was typed, without the password. */
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly faults?: Faults;
  /** Why somebody was sent here. */
  readonly reason?: string | undefined;
  /** What has just been done here, that ended a session. */
  readonly done?: string | undefined;
  /** Somebody who is logged in already. */
  readonly visitor?: Pick<User, 'id' | 'name' | 'email'> | undefined;
}

/** Reasons that an application may give for sending somebody to log in: anybody can link to them. */
const REASONS: Readonly<Record<string, string>> = {
  session_ended: 'Your session was ended. Log in to carry on where you were.',
  expired: 'You were away for a while. Log in to carry on where you were.',
  stolen:
    'Somebody may have used a copy of your session, so we ended it for safety. ' +
    'Log in again; if this was not your doing, change your password.',
  signed_out: 'You are logged out.',
};

/** What pages of ours have done, and nobody else can say. */
const DONE: Readonly<Record<string, string>> = {
  signed_out: 'You are logged out.',
  signed_out_everywhere: 'You are logged out on every device.',
  password_reset: 'Your new password is set, and every device is logged out. Log in with it now.',
  account_deleted: 'Your account and all that belonged to it is gone.',
};

/** The page to log in. */
export function loginPage(site: Site, state: EntryState): Html {
  const faults = state.faults ?? NO_FAULTS;
  return layout(site, {
    name: 'login',
    title: faults.code === undefined ? 'Log in' : 'Error: log in',
    turn: 1,
    frame: 'gate',
    nav: registerLink(site, state),
    main: html`<h1>Log in</h1>
<p class="lead">Good to see you. One account for all that ${site.brand.name} guards.</p>
${reasonNote(state)}
${faults.code === 'email_not_verified' ? unverified(state) : summaryOf(faults)}
${alreadyIn(state, 'log in as somebody else')}
<form class="stack" method="post" action="/login" novalidate data-form>
${hidden('return_to', state.returnTo)}
${field({ name: 'email', label: 'Email address', type: 'email', autocomplete: 'username', value: state.email ?? '', first: !state.email }, faults)}
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', first: Boolean(state.email) }, faults)}
<div class="actions between">
<button class="primary" type="submit">Log in</button>
<a href="${withReturn('/forgot-password', state.returnTo)}" data-takes-address>Forgot your password?</a>
</div>
</form>`,
  });
}

/** The page to register. */
export function registerPage(site: Site, state: EntryState): Html {
  const faults = state.faults ?? NO_FAULTS;
  const least = site.passwordMinLength;
  const hint = `At least ${least} characters. A few words in a row are strong and easy to keep.`;
  return layout(site, {
    name: 'register',
    title: faults.code === undefined ? 'Create an account' : 'Error: create an account',
    turn: 2,
    frame: 'gate',
    nav: html`<a href="${withReturn('/login', state.returnTo)}">Log in instead</a>`,
    main: html`<h1>Create an account</h1>
<p class="lead">A name, an address, a password. That is all we ask.</p>
${summaryOf(faults)}
${alreadyIn(state, 'create an account for somebody else')}
<form class="stack" method="post" action="/register" novalidate data-form>
${hidden('return_to', state.returnTo)}
${field({ name: 'name', label: 'Name', autocomplete: 'name', value: state.name ?? '', first: true }, faults)}
${field({ name: 'email', label: 'Email address', type: 'email', autocomplete: 'username', value: state.email ?? '' }, faults)}
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'new-password', hint, minLength: least }, faults)}
<div class="actions"><button class="primary" type="submit">Create account</button></div>
</form>`,
  });
}

/** Where registration is closed. */
export const closedPage = (site: Site, { returnTo }: EntryState): Html =>
  layout(site, {
    name: 'register',
    title: 'Registration is closed',
    turn: 1,
    frame: 'gate',
    nav: html`<a href="${withReturn('/login', returnTo)}">Log in</a>`,
    main: html`<h1>Registration is closed</h1>
<p class="lead">New accounts are made by whoever runs ${site.brand.name}. If you have one already,
<a href="${withReturn('/login', returnTo)}">log in</a>.</p>`,
  });

/** What everybody sees who registered where addresses are confirmed first. */
export const checkMailPage = (site: Site, { email, returnTo }: EntryState): Html =>
  layout(site, {
    name: 'check-mail',
    title: 'Check your mail',
    turn: 3,
    frame: 'gate',
    nav: html`<a href="${withReturn('/login', returnTo)}">Log in</a>`,
    main: html`<h1>Check your mail</h1>
<p class="lead">We sent a link to ${email === undefined ? 'the address you gave' : html`<strong>${email}</strong>`}.
Open it to confirm that the address is yours; then you can log in. It is good for a day.</p>
<p class="aftermath">Nothing there? Look among the junk,
or <a href="${withReturn('/register', returnTo)}">register again</a> with the right address.</p>`,
  });

function reasonNote({ reason = '', done = '', faults }: EntryState): Content {
  if (faults) return undefined;
  // Scripts tell the other tabs by this mark.
  if (Object.hasOwn(DONE, done)) return note(html`<p data-signed-out>${DONE[done]}</p>`);
  return Object.hasOwn(REASONS, reason) && note(html`<p>${REASONS[reason]}</p>`);
}

const unverified = ({ email, returnTo }: EntryState): Html =>
  alert(html`<p>This address has not been confirmed yet. Open the link that we mailed you.</p>
<form method="post" action="/verify-email">
${hidden('action', 'resend')}${hidden('email', email)}${hidden('return_to', returnTo)}
<button class="outline" type="submit">Send the link again</button>
</form>`);

const alreadyIn = ({ visitor, returnTo, faults }: EntryState, instead: string): Content =>
  visitor &&
  !faults &&
  note(html`<p data-user="${visitor.id}">You are logged in as <strong><bdi>${visitor.name}</bdi></strong> (${visitor.email}).</p>
<p><a href="${returnTo ?? '/account'}">Go on as <bdi>${visitor.name}</bdi></a>, or ${instead}.</p>`);

const registerLink = (site: Site, state: EntryState): Content =>
  site.registration === 'open' &&
  html`<a href="${withReturn('/register', state.returnTo)}">Create an account</a>`;
