import { appendFileSync } from 'node:fs';

/** What a fault cost, as a line of the table in `docs/reliability.md`. */
export interface FaultReport {
  readonly fault: string;
  /** How often it came. */
  readonly times?: number;
  /** Operations that were acknowledged; had one been lost, the test would have failed. */
  readonly acknowledged?: number;
  /** The longest, in milliseconds, from the end of the fault to everybody's next success. */
  readonly recovery?: number;
  /** What else was measured, in words. */
  readonly note?: string;
}

/** Hands a report to whoever makes the table (`.ci/reliability.ts`); to nobody in a usual run. */
export function reportFault(report: FaultReport): void {
  const file = process.env.KEYTURN_FAULT_REPORT;
  if (file) appendFileSync(file, `${JSON.stringify(report)}\n`);
}
