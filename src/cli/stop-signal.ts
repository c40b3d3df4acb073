/** Asks for an end: SIGTERM lets load balancers notice first, SIGINT does not. */
export type StopSignal = 'SIGTERM' | 'SIGINT';

/** The first signal to stop; a second one finds the process's default and ends it at once. */
export function stopSignal(): { readonly received: Promise<StopSignal>; forget(): void } {
  const names = ['SIGTERM', 'SIGINT'] as const;
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  const forget = () => {
    for (const name of names) process.off(name, stop);
  };
  const stop = (name: StopSignal) => {
    forget();
    resolve(name);
  };
  for (const name of names) process.on(name, stop);
  return { received: promise, forget };
}
