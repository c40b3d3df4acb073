import { after, before, type Duration } from '../../../kit/duration.ts';
import { type RehearsalEvent, START } from './plan.ts';

/** What is still to be done, and when. */
export interface Agenda {
  /** Takes an event back in that was refused, until a clock that is ahead shows `retryAt`. */
  retry(event: RehearsalEvent, retryAt: Date): void;
  /** Takes out what is planned up to `now` and all that waits to be tried again, in order. */
  take(now: Date): RehearsalEvent[];
  /** When it should next be asked, if the clock that records changes is `ahead` of the world's. */
  dates(ahead: Duration): Date[];
}

/** Makes an agenda of a plan's events. */
export function createAgenda(events: readonly RehearsalEvent[]): Agenda {
  let planned = events.map((event) => ({ at: after(START, event.at), event }));
  let refused: { retryAt: Date; event: RehearsalEvent }[] = [];
  return {
    retry(event, retryAt) {
      refused.push({ event, retryAt });
    },
    take(now) {
      const due = [...refused, ...planned.filter(({ at }) => at <= now)];
      planned = planned.filter(({ at }) => at > now);
      refused = [];
      return due.map(({ event }) => event);
    },
    dates: (ahead) => [
      ...planned.map(({ at }) => at),
      ...refused.map(({ retryAt }) => before(retryAt, ahead)),
    ],
  };
}
