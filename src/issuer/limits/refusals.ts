import { after, type Duration, seconds } from '../../kit/duration.ts';

/** A memory of keys, each until some instant; the oldest go first when there are too many. */
export interface Memory {
  /** Until when a key is remembered; undefined when it is not. */
  until(key: string, now: Date): Date | undefined;
  /** Remembers a key from `now` on; a clock that is set back before that forgets it. */
  remember(key: string, until: Date, now: Date): void;
}

/** Above what the busiest minute brings; at most a few megabytes. */
const MOST = 10_000;

/** Makes a memory that is empty. */
export function createMemory(most: number = MOST): Memory {
  const instants = new Map<string, { readonly from: Date; readonly until: Date }>();
  return {
    until(key, now) {
      const known = instants.get(key);
      if (!known) return undefined;
      if (known.from <= now && now < known.until) return known.until;
      instants.delete(key);
      return undefined;
    },
    remember(key, until, now) {
      instants.delete(key);
      instants.set(key, { from: now, until });
      for (const oldest of instants.keys()) {
        if (instants.size <= most) break;
        instants.delete(oldest);
      }
    },
  };
}

/** How often one bucket's refusals are worth an event: a flood must not flood the trail. */
const ONCE: Duration = seconds(60);

/** Says whether something is to be told now, once a minute a key. */
export function oncePerMinute(): (key: string, now: Date) => boolean {
  const told = createMemory();
  return (key, now) => {
    if (told.until(key, now)) return false;
    told.remember(key, after(now, ONCE), now);
    return true;
  };
}
