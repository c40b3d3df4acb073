/** What a step of a trace says of itself; never a secret, nor anything that a client wrote. */
export type StepAttributes = Readonly<Record<string, string | number>>;

/** Follows what a request waits for. Outside of a request it follows nothing. */
export interface Trace {
  /** Runs `work` as a step of the request that is being served. */
  step<T>(name: string, attributes: StepAttributes, work: () => Promise<T>): Promise<T>;
  /** Adds a step that has just ended, after so many milliseconds. */
  past(name: string, attributes: StepAttributes, milliseconds: number, failed: boolean): void;
}

/** Follows nothing. */
export const noTrace: Trace = { step: (_name, _attributes, work) => work(), past() {} };
