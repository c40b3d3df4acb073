/** What was looked at, and what was found. */
export interface Check {
  /** Stable snake_case name, dotted where a topic has several. */
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do about it; on every `fail`, and on a `warn` whose detail does not say. */
  readonly mend?: string;
}

/** All is well. */
export const ok = (check: string, detail: string): Check => ({ check, status: 'ok', detail });

/** It works, and may not do so for everybody or for ever. */
export const warn = (check: string, detail: string, mend?: string): Check => ({
  check,
  status: 'warn',
  detail,
  ...(mend !== undefined && { mend }),
});

/** Tokens will be refused, or may be forged. */
export const fail = (check: string, detail: string, mend: string): Check => ({
  check,
  status: 'fail',
  detail,
  mend,
});
