/**
 * How likely a value of `b` is greater than one of `a`, ties counted half: the Mann-Whitney U
 * statistic by its greatest value, also called AUC. One half where nothing tells them apart.
 */
export function greater(a: readonly number[], b: readonly number[]): number {
  const all = [
    ...a.map((value) => ({ value, of: 'a' })),
    ...b.map((value) => ({ value, of: 'b' })),
  ];
  all.sort((one, other) => one.value - other.value);
  let rankSum = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]?.value === all[start]?.value) end++;
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) if (all[i]?.of === 'b') rankSum += rank;
    start = end;
  }
  return (rankSum - (b.length * (b.length + 1)) / 2) / (a.length * b.length);
}

/**
 * How far from one half chance alone takes `greater` for so many samples of each: five and a half
 * standard deviations, that is once in 25 million times.
 */
export const chance = (samples: number): number =>
  (5.5 * Math.sqrt((2 * samples + 1) / 12)) / samples;
