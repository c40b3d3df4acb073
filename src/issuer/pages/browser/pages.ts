// What scripts add to pages that work without them: nothing here sends anything by itself.
import { sendForms } from './send-forms.ts';
import { strengthOf } from './strength.ts';

const WORDS = ['Too short so far', 'Easy to guess', 'Fair', 'Strong'];

/** "Show password" buttons. */
function reveal(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-reveal]')) {
    const input = document.getElementById(button.dataset.reveal ?? '');
    const word = button.firstChild;
    if (!(input instanceof HTMLInputElement) || !word) continue;
    const show = (shown: boolean) => {
      input.type = shown ? 'text' : 'password';
      word.nodeValue = shown ? 'Hide' : 'Show';
    };
    button.hidden = false;
    button.addEventListener('click', () => {
      show(input.type === 'password');
      input.focus();
    });
    // What is sent must be a password to the browser, or it offers to remember it as a text.
    input.form?.addEventListener('submit', () => show(false));
  }
}

/** How strong a new password is, as one types. */
function strength(): void {
  for (const meter of document.querySelectorAll<HTMLElement>('[data-strength]')) {
    const input = document.getElementById(meter.dataset.strength ?? '');
    const words = meter.querySelector('[role=status]');
    if (!(input instanceof HTMLInputElement) || !words) continue;
    input.addEventListener('input', () => {
      const level = strengthOf(input.value, Number(meter.dataset.min));
      meter.hidden = input.value === '';
      meter.dataset.level = String(level);
      const word = WORDS[level] ?? '';
      // A screen reader hears it when it changes, not with each key.
      if (words.textContent !== word) words.textContent = word;
    });
  }
}

/** Takes a mailed token out of the address bar and the history, into its form. */
function takeToken(): void {
  const form = document.querySelector<HTMLFormElement>('[data-token]');
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null || !form) return;
  history.replaceState(null, '', location.pathname + location.search);
  const input = form.querySelector<HTMLInputElement>('[name=token]');
  if (!input) return;
  input.value = token;
  input.removeAttribute('autofocus');
  const field = form.querySelector<HTMLElement>('[data-token-field]');
  if (field) field.hidden = true;
  const next = form.querySelector<HTMLElement>('input:not([name=token], [type=hidden])');
  (next ?? form.querySelector<HTMLElement>('button[type=submit]'))?.focus();
}

// A link that is opened where its page is open already loads nothing anew.
addEventListener('hashchange', takeToken);

/** Times in the reader's own words and time zone. */
function tellTimes(): void {
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
  const absolute = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeStyle: 'short' });
  for (const element of document.querySelectorAll('time')) {
    const at = new Date(element.dateTime);
    const minutes = Math.round((at.getTime() - Date.now()) / 60_000);
    element.title = absolute.format(at);
    if (minutes > -1) element.textContent = 'just now';
    else if (minutes > -60) element.textContent = relative.format(minutes, 'minute');
    else if (minutes > -24 * 60)
      element.textContent = relative.format(Math.round(minutes / 60), 'hour');
    else if (minutes > -7 * 24 * 60)
      element.textContent = relative.format(Math.round(minutes / 1440), 'day');
    else element.textContent = absolute.format(at);
  }
}

/**
 * Apps in other tabs hear at once who is logged in here, or that somebody has logged out, by the
 * channel of `src/client/session.ts`. The server says the latter to the page that a form of ours led
 * to; a mere link logs nobody out of anything.
 */
function tellTabs(): void {
  const who = document.querySelector<HTMLElement>('[data-user]')?.dataset.user;
  const over = document.querySelector('[data-signed-out]') !== null;
  if (!over && who === undefined) return;
  const channel = new BroadcastChannel(`keyturn:${location.origin}`);
  channel.postMessage(over ? { over: 'signed_out' } : { is: who });
  channel.close();
}

/** In this tab's storage. */
const ADDRESS = 'address';

/**
 * The address that was typed at the login goes along to the page for a forgotten password: not in
 * the URL, which ends up in logs and histories, but in this tab's storage until a page has opened.
 * @throws DOMException SecurityError where the browser blocks storage
 */
function takeAlongAddress(): void {
  const field = document.querySelector<HTMLInputElement>('[name=email]:not([type=hidden])');
  const address = sessionStorage.getItem(ADDRESS);
  sessionStorage.removeItem(ADDRESS);
  if (!field) return;
  if (address && document.body.dataset.page === 'forgot-password') field.value ||= address;
  document.querySelector('[data-takes-address]')?.addEventListener('click', () => {
    if (field.value) sessionStorage.setItem(ADDRESS, field.value);
  });
}

reveal();
strength();
takeToken();
sendForms();
tellTimes();
try {
  tellTabs();
} catch {
  // There is no channel to them: they learn it when they next ask.
}
try {
  takeAlongAddress();
} catch {
  // The browser blocks storage: the address is typed again.
}
