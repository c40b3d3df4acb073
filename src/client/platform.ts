/** What the client uses of a browser, so that its decisions can be tried without one. */
export interface Platform {
  readonly fetch: typeof fetch;
  /** Milliseconds that never go back, but may stand still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds by the wall clock: goes on in sleep, but can be set to anything. */
  wall(): number;
  /** Runs work while no other tab of this origin runs work of the same name. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Hears the other tabs of this origin; what it returns speaks to them, and not to itself. */
  openChannel(name: string, hear: (news: unknown) => void): (news: unknown) => void;
  /**
   * Calls when the page may have slept or been offline: it is seen, focused or online again.
   * `deaf`: it may not have heard the other tabs meanwhile.
   */
  onWake(wake: (deaf: boolean) => void): void;
  visible(): boolean;
  /** Calls once after so many milliseconds, or later; what it returns calls it off. */
  later(delay: number, work: () => void): () => void;
  /** The address of the page. */
  here(): string;
  goTo(url: string): void;
}
