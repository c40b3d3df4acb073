import { after, type Duration, earliest, elapsed, latest } from '../../../kit/duration.ts';

/** A stretch of time: from an instant up to another, which it lacks; null when it never ends. */
export interface Span {
  readonly from: Date;
  readonly until: Date | null;
}

/** The earlier of two ends. */
export const earlierEnd = (a: Date | null, b: Date | null): Date | null =>
  a && b ? earliest(a, b) : (a ?? b);

/** The later of two ends. */
export const laterEnd = (a: Date | null, b: Date | null): Date | null =>
  a && b ? latest(a, b) : null;

/** What two spans have in common; undefined when that is nothing. */
export function overlap(a: Span, b: Span): Span | undefined {
  const span = { from: latest(a.from, b.from), until: earlierEnd(a.until, b.until) };
  return span.until && span.until <= span.from ? undefined : span;
}

/** A span that ends later; `by` null makes it end never. */
export const stretch = ({ from, until }: Span, by: Duration | null): Span => ({
  from,
  until: until && by !== null ? after(until, by) : null,
});

/** The shortest span that holds both. */
export const hull = (a: Span, b: Span): Span => ({
  from: earliest(a.from, b.from),
  until: laterEnd(a.until, b.until),
});

/** How long a span is; null when it never ends. */
export const lengthOf = ({ from, until }: Span): Duration | null => until && elapsed(from, until);
