import type { Platform } from './platform.ts';

/** The browser that this page is in. */
export const browser = (): Platform => ({
  fetch: (input, init) => fetch(input, init),
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  exclusively: inTurn(),
  openChannel(name, hear) {
    try {
      const channel = new BroadcastChannel(name);
      channel.onmessage = ({ data }) => hear(data);
      return (news) => channel.postMessage(news);
    } catch {
      // Old browsers have none, others none for pages that may store nothing: this tab is alone.
      return () => {};
    }
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
 * By Web Locks. Browsers have them in secure contexts only, some refuse them to pages that may
 * store nothing, some have none at all.
 */
function inTurn(): Platform['exclusively'] {
  const alone = oneAtATime();
  if (!navigator.locks) return alone;
  return async (name, work) => {
    let begun = false;
    const begin = () => {
      begun = true;
      return work();
    };
    try {
      return (await navigator.locks.request(name, begin)) as Awaited<ReturnType<typeof work>>;
    } catch (error) {
      if (begun) throw error;
      return alone(name, work);
    }
  };
}

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
