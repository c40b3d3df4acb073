/**
 * Makes calls of `work` share its runs: one is under way at a time, and however many ask
 * meanwhile, one more follows. Each caller gets a run that began after it asked.
 */
export function coalesce<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let queued: Promise<T> | undefined;
  const start = (): Promise<T> => {
    const run = work().finally(() => {
      if (running === run) running = undefined;
    });
    running = run;
    return run;
  };
  return () => {
    // Who asks between the end of a run and the beginning of the one that follows waits for that.
    if (queued) return queued;
    if (!running) return start();
    const next = () => {
      queued = undefined;
      return start();
    };
    queued = running.then(next, next);
    return queued;
  };
}
