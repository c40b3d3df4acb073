import type { Platform } from './platform.ts';

/** The browser that this page is in. */
export const browser = (): Platform => ({
  fetch: (input, init) => fetch(input, init),
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  // Browsers have Web Locks in secure contexts only; some have none at all.
  exclusively: navigator.locks
    ? (name, work) => navigator.locks.request(name, work) as ReturnType<typeof work>
    : oneAtATime(),
  openChannel(name, hear) {
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => hear(data);
    return (news) => channel.postMessage(news);
  },
  onWake(wake) {
    for (const event of ['focus', 'online']) addEventListener(event, () => wake(false));
    document.addEventListener('visibilitychange', () => wake(false));
    // A page that was kept for going back to.
    addEventListener('pageshow', ({ persisted }) => wake(persisted));
  },
  visible: () => document.visibilityState === 'visible',
  later(delay, work) {
    const timer = setTimeout(work, delay);
    return () => clearTimeout(timer);
  },
  here: () => location.href,
  goTo: (url) => location.assign(url),
});

/**
 * Without Web Locks the calls of this tab queue among themselves; several tabs that refresh at
 * once are given the same token by Keyturn, so that they do no harm.
 */
function oneAtATime(): Platform['exclusively'] {
  let last: Promise<unknown> = Promise.resolve();
  return (_name, work) => {
    const turn = last.then(work, work);
    last = turn.catch(() => {});
    return turn;
  };
}
