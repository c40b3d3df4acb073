/** How often a watch is looked at, in milliseconds. */
const LOOK = 20;
/** What lies between two looks counts for so much at most. */
const MOST = 500;

/** Time as this process lives it. */
export interface Watch {
  /** Milliseconds that have passed so far; those in which the process stood still are not counted. */
  lived(): number;
  /** Whether it stood still at any time: a time limit may then have come before what was in time. */
  stoodStill(): boolean;
  stop(): void;
}

/**
 * Starts a watch. A machine that is stopped for seconds, or has none for this process, had no turn
 * for what it waits for either: such seconds are nobody's fault.
 */
export function startWatch(onLook = (_lived: number): void => {}): Watch {
  let lived = 0;
  let last = performance.now();
  let stood = false;
  const look = () => {
    const now = performance.now();
    stood ||= now - last > MOST;
    lived += Math.min(now - last, MOST);
    last = now;
    return lived;
  };
  const timer = setInterval(() => onLook(look()), LOOK).unref();
  return {
    lived: look,
    stoodStill: () => look() > 0 && stood,
    stop: () => clearInterval(timer),
  };
}

/** What `work` comes to; throws when that takes longer than so many milliseconds were lived. */
export async function within<T>(limit: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const watch = startWatch((lived) => {
    if (lived > limit) late.reject(new Error(`it took longer than ${limit} ms`));
  });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    watch.stop();
  }
}
