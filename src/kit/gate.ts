import { AsyncResource } from 'node:async_hooks';
import type { Clock } from './clock.ts';
import { type Duration, milliseconds } from './duration.ts';
import { type AppError, unavailableError } from './errors.ts';
import { createFifo } from './fifo.ts';

/** Does several tasks of a kind one after the other, and answers each in its place. */
export type Together<Task, Answer> = (tasks: readonly Task[]) => Promise<readonly Answer[]>;

/** What may be said to a gate with a work. */
export interface GateCall {
  /**
   * Aborts before the start: takes the work out of the queue and rejects with its reason; work that
   * has started runs to its end.
   */
  readonly signal?: AbortSignal | undefined;
  /** Told when the work starts. */
  readonly onStart?: (() => void) | undefined;
}

/** Lets a bounded number of works run at once and a bounded number wait, in order of arrival. */
export interface Gate {
  /**
   * Runs `work` as soon as a place is free and settles as it does. Throws `unavailable` (503 with
   * Retry-After) when the queue is full, or instead of starting what has waited past `maxWait`.
   */
  run<T>(work: () => Promise<T>, call?: GateCall): Promise<T>;
  /**
   * The same for one task of many. Those that wait one behind the other for the same `together` take
   * a place together, a few of them, so that what comes before a task and after it is done for
   * several in a row. Where it throws, it does for each of them. It runs in the asynchronous context
   * of whichever call made room, so that it must not ask whose it is.
   */
  share<Task, Answer>(
    together: Together<Task, Answer>,
    task: Task,
    call?: GateCall,
  ): Promise<Answer>;
  /** Throws what `run` would throw just now for a full queue; before work that leads up to it. */
  requireRoom(): void;
  stats(): GateStats;
}

/** What a gate is doing just now. Of tasks that share a place one runs and the others wait. */
export interface GateStats {
  readonly running: number;
  readonly waiting: number;
}

/** How wide a gate is. */
export interface GateOptions {
  /** Places: works that run at once, at least 1; each place has one, or a few that share it. */
  readonly concurrency: number;
  /** Works that may wait; 0 refuses whatever cannot start at once. */
  readonly queueLimit: number;
  /** How long a work may have waited and still be started; for ever when absent. */
  readonly maxWait?: Duration;
  readonly clock: Pick<Clock, 'monotonic'>;
}

interface Waiter extends GateCall {
  /** Arrival, on the monotonic clock. */
  readonly since: number;
  readonly together: Together<unknown, unknown>;
  readonly task: unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** How much the latest duration counts in the mean: about the last eight places decide it. */
const LATEST_SHARE = 1 / 8;

/** The most that share a place: the first of them waits for the last, */
const MOST_TOGETHER = 4;
/** about so long. Of tasks that take longer so much goes into each that nothing is saved. */
const LONGEST_TOGETHER = milliseconds(60);

/**
 * Makes a gate. It keeps no timer: a waiter that is too old is refused when its turn comes, or
 * when a newcomer could use its place. Throws RangeError for a gate that would let nothing through.
 */
export function createGate({ concurrency, queueLimit, maxWait, clock }: GateOptions): Gate {
  if (!(concurrency >= 1)) throw new RangeError('A gate needs a concurrency of at least 1');
  const queue = createFifo<Waiter>();
  let taken = 0;
  let inside = 0;
  let meanDuration: number | undefined;

  function refusal(): AppError {
    const drained = ((meanDuration ?? 0) * (inside + queue.size())) / concurrency;
    // Nothing waits longer than maxWait, so one slow work must not send clients away for an hour.
    const seconds = Math.ceil(Math.min(drained, maxWait ?? drained) / 1000);
    return unavailableError('Too much is waiting already; try again.', Math.max(1, seconds));
  }

  function refuseTooOld(): void {
    if (maxWait === undefined) return;
    const now = clock.monotonic();
    for (let place = queue.first(); place; place = queue.first()) {
      if (now - place.value.since <= maxWait) return;
      queue.remove(place);
      place.value.reject(refusal());
    }
  }

  /** Takes out of the queue who is next, with those behind that can share its place. */
  function takeNext(): Waiter[] {
    // Where there are several places, what waits is for all of them.
    const fair = Math.ceil(queue.size() / concurrency);
    const short = Math.floor(LONGEST_TOGETHER / (meanDuration ?? 0));
    const most = Math.max(1, Math.min(MOST_TOGETHER, fair, short));
    const members: Waiter[] = [];
    for (let place = queue.first(); place && members.length < most; place = queue.first()) {
      if (members[0] && members[0].together !== place.value.together) break;
      queue.remove(place);
      members.push(place.value);
    }
    return members;
  }

  async function occupy(members: readonly Waiter[]): Promise<void> {
    const [first] = members;
    if (!first) return;
    taken += 1;
    inside += members.length;
    const started = clock.monotonic();
    let settle: (member: Waiter, i: number) => void;
    try {
      for (const { onStart } of members) onStart?.();
      const answers = await first.together(members.map(({ task }) => task));
      if (answers.length !== members.length) throw new Error('not every task has its answer');
      settle = ({ resolve }, i) => resolve(answers[i]);
    } catch (error) {
      settle = ({ reject }) => reject(error);
    }
    const each = (clock.monotonic() - started) / members.length;
    meanDuration =
      meanDuration === undefined ? each : meanDuration + (each - meanDuration) * LATEST_SHARE;
    taken -= 1;
    inside -= members.length;
    refuseTooOld();
    occupy(takeNext());
    members.forEach(settle);
  }

  function requireRoom(): void {
    if (taken < concurrency) return;
    refuseTooOld();
    if (queue.size() >= queueLimit) throw refusal();
  }

  async function share<Task, Answer>(
    together: Together<Task, Answer>,
    task: Task,
    call: GateCall = {},
  ): Promise<Answer> {
    const { signal } = call;
    signal?.throwIfAborted();
    requireRoom();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const since = clock.monotonic();
    const waiter = { ...call, since, together, task, resolve, reject } as Waiter;
    // Somebody waits only while all places are taken, so nobody is overtaken here.
    if (taken < concurrency) {
      occupy([waiter]);
      return (await promise) as Answer;
    }
    const place = queue.add(waiter);
    const giveUp = () => {
      if (queue.remove(place)) reject(signal?.reason);
    };
    signal?.addEventListener('abort', giveUp);
    try {
      return (await promise) as Answer;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  return {
    run(work, call) {
      // It starts when somebody else ends, and is still its caller's.
      const own = AsyncResource.bind(work);
      return share(async () => [await own()], undefined, call);
    },
    share,
    requireRoom,
    stats: () => ({ running: taken, waiting: queue.size() + inside - taken }),
  };
}
