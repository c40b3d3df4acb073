import type { Brand } from './brand.ts';

/** A length of time in milliseconds. Points in time are `Date`s, so the two never mix. */
export type Duration = Brand<number, 'Duration'>;

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `seconds` as a Duration. */
export const seconds = (n: number): Duration => (n * 1000) as Duration;

/** `milliseconds` as a Duration. */
export const milliseconds = (n: number): Duration => n as Duration;

/** Reads `15m`, `24h`, `7d`, `30s`: a whole number without leading zeros and a unit; else undefined. */
export function parseDuration(text: string): Duration | undefined {
  const match = /^(0|[1-9]\d{0,8})([smhd])$/.exec(text);
  if (!match) return undefined;
  const unit = UNITS[match[2] as keyof typeof UNITS];
  return (Number(match[1]) * unit) as Duration;
}

/** The largest whole unit that says it exactly: `90s`, `15m`, `7d`. */
export function formatDuration(duration: Duration): string {
  for (const unit of ['d', 'h', 'm'] as const) {
    if (duration !== 0 && duration % UNITS[unit] === 0) return `${duration / UNITS[unit]}${unit}`;
  }
  return `${Math.round(duration / 1000)}s`;
}

/** A duration for people, to the second: `1d 7m`, `1m 30s`. */
export function spellDuration(duration: Duration): string {
  let rest = Math.round(duration / 1000) * 1000;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNITS[unit]);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * UNITS[unit];
  }
  return parts.join(' ') || '0s';
}

/** Sum of durations. */
export const sum = (...parts: Duration[]): Duration =>
  parts.reduce((total, part) => total + part, 0) as Duration;

/** `n` times a duration. */
export const times = (n: number, duration: Duration): Duration => (n * duration) as Duration;

/** The instant `duration` after `instant`. */
export const after = (instant: Date, duration: Duration): Date =>
  new Date(instant.getTime() + duration);

/** The instant `duration` before `instant`. */
export const before = (instant: Date, duration: Duration): Date =>
  new Date(instant.getTime() - duration);

/** How long from `earlier` to `later`; a negative age counts as zero, since clocks differ. */
export const elapsed = (earlier: Date, later: Date): Duration =>
  Math.max(0, later.getTime() - earlier.getTime()) as Duration;

/** Whole seconds of a duration, rounded down, as OAuth's `expires_in` wants them. */
export const toSeconds = (duration: Duration): number => Math.floor(duration / 1000);

/** The earlier of two instants. */
export const earliest = (a: Date, b: Date): Date => (a < b ? a : b);

/** The later of two instants. */
export const latest = (a: Date, b: Date): Date => (a < b ? b : a);
