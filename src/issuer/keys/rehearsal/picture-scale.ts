import { type Duration, elapsed, seconds } from '../../../kit/duration.ts';

/** Where instants lie in a picture. */
export interface TimeScale {
  readonly width: number;
  /** Pixels from the left end; an instant outside lies at the end that is nearer. */
  x(instant: Date): number;
}

const UNIT = seconds(30);
const NARROWEST_STRETCH = 26;
const PER_DECADE = 24;

/**
 * A scale that shows minutes beside months: from each milestone to the next, time runs by its
 * logarithm, so that what happens soon after a milestone has room.
 * @param milestones in order, at least two
 * @param narrowest the least width of the whole
 */
export function createTimeScale(milestones: readonly Date[], narrowest: number): TimeScale {
  const spell = (length: Duration): number => Math.log10(1 + length / UNIT);
  const stretches: { from: Date; length: Duration; left: number; width: number }[] = [];
  let left = 0;
  for (const [n, until] of milestones.entries()) {
    const from = milestones[n - 1];
    if (!from) continue;
    const length = elapsed(from, until);
    const width = Math.max(NARROWEST_STRETCH, PER_DECADE * spell(length));
    stretches.push({ from, length, left, width });
    left += width;
  }
  const zoom = Math.max(1, narrowest / left);
  return {
    width: left * zoom,
    x(instant) {
      const stretch = stretches.findLast(({ from }) => from <= instant) ?? stretches[0];
      if (!stretch) return 0;
      const into = Math.min(elapsed(stretch.from, instant), stretch.length);
      const share = spell(into as Duration) / spell(stretch.length);
      return zoom * (stretch.left + stretch.width * share);
    },
  };
}
