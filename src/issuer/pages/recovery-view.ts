import { type Faults, NO_FAULTS } from './faults.ts';
import { alert, field, hidden, summaryOf } from './fields.ts';
import { type Content, type Html, html } from './html.ts';
import { layout } from './layout.ts';
import { withReturn } from './return-to.ts';
import type { Site } from './site.ts';

/** What the pages that lead back to an account show. */
export interface RecoveryState {
  readonly email?: string | undefined;
  /** The mailed token as it was sent, to be sent again. */
  readonly token?: string | undefined;
  readonly faults?: Faults;
  /** Whether it has been done. */
  readonly done?: boolean;
  /** Where to go in the end. */
  readonly returnTo?: string | undefined;
}

const toLogin = ({ returnTo }: RecoveryState): Html =>
  html`<a href="${withReturn('/login', returnTo)}">Log in</a>`;

/** The page that has a link mailed to somebody who forgot the password. */
export function forgotPage(site: Site, state: RecoveryState): Html {
  const faults = state.faults ?? NO_FAULTS;
  const { returnTo } = state;
  const frame = { name: 'forgot-password', frame: 'gate', nav: toLogin(state) } as const;
  if (state.done) {
    return layout(site, {
      ...frame,
      title: 'Check your mail',
      turn: 3,
      main: html`<h1>Check your mail</h1>
<p class="lead">If there is an account with that address, a link to choose a new password is on its
way. It is good for 30 minutes.</p>
<p class="aftermath">Nothing there? Look among the junk, or
<a href="${withReturn('/forgot-password', returnTo)}">try another address</a>.</p>`,
    });
  }
  return layout(site, {
    ...frame,
    title: faults.code === undefined ? 'Forgot your password' : 'Error: forgot your password',
    turn: 2,
    main: html`<h1>Forgot your password?</h1>
<p class="lead">It happens. Tell us your address and we mail you a link to choose a new one.</p>
${summaryOf(faults)}
<form class="stack" method="post" action="/forgot-password" novalidate data-form>
${hidden('return_to', returnTo)}
${field({ name: 'email', label: 'Email address', type: 'email', autocomplete: 'username', value: state.email ?? '', first: true }, faults)}
<div class="actions between"><button class="primary" type="submit">Mail me a link</button>
<a href="${withReturn('/login', returnTo)}">Back to log in</a></div>
</form>`,
  });
}

/** The page that a mailed link to choose a new password opens. */
export function resetPage(site: Site, state: RecoveryState): Html {
  const faults = state.faults ?? NO_FAULTS;
  const least = site.passwordMinLength;
  return layout(site, {
    name: 'reset-password',
    title: faults.code === undefined ? 'Choose a new password' : 'Error: choose a new password',
    turn: 3,
    frame: 'gate',
    nav: toLogin(state),
    main: html`<h1>Choose a new password</h1>
<p class="lead">When it is set, every device is logged out, and you log in with the new one.</p>
${deadLink(faults, html`<a href="${withReturn('/forgot-password', state.returnTo)}">Have a new link mailed</a>.`)}
<form class="stack" method="post" action="/reset-password" novalidate data-form data-token>
${tokenField(state, faults)}
${field({ name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: `At least ${least} characters. A few words in a row are strong and easy to keep.`, minLength: least, first: state.token !== undefined }, faults)}
<div class="actions"><button class="primary" type="submit">Set the password</button></div>
</form>`,
  });
}

/** The page that a mailed link to confirm an address opens. */
export function verifyPage(site: Site, state: RecoveryState): Html {
  const faults = state.faults ?? NO_FAULTS;
  const frame = { name: 'verify-email', frame: 'gate' } as const;
  if (state.done) {
    return layout(site, {
      ...frame,
      title: 'Address confirmed',
      turn: 5,
      main: html`<h1>Your address is confirmed</h1>
<p class="lead">Thank you. There is nothing more to do here.</p>
<div class="actions stack">${goOn(state)}</div>`,
    });
  }
  return layout(site, {
    ...frame,
    title: faults.code === undefined ? 'Confirm your address' : 'Error: confirm your address',
    turn: 4,
    nav: toLogin(state),
    main: html`<h1>Confirm your address</h1>
<p class="lead">One click, and we know that mail to this address reaches you.</p>
${deadLink(faults, html`<a href="/account">Your account</a> has a button to mail a new one.`)}
<form class="stack" method="post" action="/verify-email" novalidate data-form data-token>
${hidden('action', 'confirm')}
${tokenField(state, faults)}
<div class="actions"><button class="primary" type="submit">Confirm my address</button></div>
</form>`,
  });
}

/** What somebody sees who asked for the link to confirm an address once more. */
export const sentAgainPage = (site: Site, state: RecoveryState): Html =>
  layout(site, {
    name: 'check-mail',
    title: 'Check your mail',
    turn: 3,
    frame: 'gate',
    nav: toLogin(state),
    main: html`<h1>Check your mail</h1>
<p class="lead">If that address waits to be confirmed, a new link is on its way to it. It is good
for a day, and the ones before it are void.</p>`,
  });

const goOn = ({ returnTo }: RecoveryState): Html =>
  returnTo === undefined
    ? html`<a class="button primary" href="/account">Go to your account</a>`
    : html`<a class="button primary" href="${withReturn('/login', returnTo)}">Go on</a>`;

/** The token is in the link's fragment, which only scripts can read: without them it is pasted. */
const tokenField = ({ token }: RecoveryState, faults: Faults): Content =>
  token !== undefined && faults.fields.token === undefined
    ? hidden('token', token)
    : html`<div data-token-field>
${field({ name: 'token', label: 'Link from the mail', autocomplete: 'off', value: token ?? '', hint: 'Copy the whole link out of the mail and paste it here.', first: true }, faults)}
</div>`;

const deadLink = (faults: Faults, way: Html): Content =>
  faults.code === 'invalid_token'
    ? alert(html`<p>${faults.summary} ${way}</p>`)
    : summaryOf(faults);
