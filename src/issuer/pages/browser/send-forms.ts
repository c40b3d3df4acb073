/** In milliseconds; what `src/client/call.ts` gives its own calls. */
const TIMEOUT = 20_000;

/**
 * A form is sent once, however often one clicks; the dial turns meanwhile. It takes its turn with
 * the applications in other tabs, by the Web Lock of `src/client/session.ts`: a refresh that is
 * answered late would put its own cookie in the place of the new one.
 */
export function sendForms(): void {
  const root = document.documentElement;
  let itsTurn = false;

  function wait(): void {
    root.classList.remove('busy');
    for (const button of document.querySelectorAll('[aria-disabled]')) {
      button.removeAttribute('aria-disabled');
    }
  }

  document.addEventListener('submit', (event) => {
    const { target: form, submitter } = event;
    if (itsTurn || !(form instanceof HTMLFormElement)) return;
    const again = root.classList.contains('busy');
    if (again || navigator.locks) event.preventDefault();
    if (again) return;
    root.classList.add('busy');
    submitter?.setAttribute('aria-disabled', 'true');
    // Browsers have Web Locks in secure contexts only.
    if (!navigator.locks) return;
    const send = () => {
      itsTurn = true;
      form.requestSubmit(submitter);
      itsTurn = false;
    };
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), TIMEOUT);
    navigator.locks
      .request(`keyturn:${location.origin}`, { signal: patience.signal }, async () => {
        clearTimeout(timer);
        send();
        // The page goes when the answer has come; or nothing comes of it.
        await new Promise((resolve) => {
          addEventListener('pagehide', resolve);
          setTimeout(resolve, TIMEOUT);
        });
        wait();
      })
      .catch(() => {
        // Nobody else is waited for so long.
        if (patience.signal.aborted) return send();
        // The browser refuses locks, and at once: a form goes nowhere while its event is being told.
        clearTimeout(timer);
        setTimeout(send);
      });
  });
  // A page that comes out of the back-forward cache is as it was when it was left.
  addEventListener('pageshow', wait);
}
