/**
 * Says of each happening whether it is among the first `most` of its kind in this minute. It
 * remembers no more than one minute brings.
 */
export function perMinute(most: number): (kind: string, now: Date) => boolean {
  let minute = Number.NaN;
  const counts = new Map<string, number>();
  return (kind, now) => {
    const current = Math.floor(now.getTime() / 60_000);
    if (current !== minute) counts.clear();
    minute = current;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= most;
  };
}
