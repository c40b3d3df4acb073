import { AppError, unavailable } from './errors.ts';

/** Works by key, of which one a key is under way at a time. */
export interface Reservations {
  /**
   * Runs `work`. While another of the same key is under way it is waited for: when that succeeds,
   * `lost` is thrown and `work` never runs; its 503 is shared, since `work` would meet the same;
   * after any other failure the next one has its turn.
   */
  run<T>(key: string, lost: () => Error, work: () => Promise<T>): Promise<T>;
}

/** Makes reservations, for this process alone: what has to hold everywhere the database decides. */
export function createReservations(): Reservations {
  const underWay = new Map<string, Promise<void>>();
  return {
    async run(key, lost, work) {
      for (let other = underWay.get(key); other; other = underWay.get(key)) {
        const failure = await other.then(
          () => undefined,
          (reason: unknown) => ({ reason }),
        );
        if (!failure) throw lost();
        if (isUnavailable(failure.reason)) throw failure.reason;
      }
      const running = work();
      const ended = running.then(() => {}).finally(() => underWay.delete(key));
      // Whoever does not wait for it is told by `running`.
      ended.catch(() => {});
      underWay.set(key, ended);
      return await running;
    },
  };
}

const isUnavailable = (reason: unknown): boolean =>
  reason instanceof AppError && reason.spec === unavailable;
