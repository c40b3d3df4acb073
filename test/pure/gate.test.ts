import fc from 'fast-check';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds, seconds } from '../../src/kit/duration.ts';
import { AppError, unavailable } from '../../src/kit/errors.ts';
import { createGate, type GateOptions } from '../../src/kit/gate.ts';

/** Lets every promise that can settle do so. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A gate, and works that start when it says so and end when the test says so. */
function world(options: Omit<GateOptions, 'clock'>) {
  const clock = manualClock();
  const gate = createGate({ ...options, clock });
  const jobs: Job[] = [];
  const started: Job[] = [];
  return {
    clock,
    gate,
    jobs,
    started,
    running: () => started.filter((job) => job.outcome === undefined),
    waiting: () => jobs.filter((job) => !started.includes(job) && job.outcome === undefined),
    submit() {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const abort = new AbortController();
      const job: Job = { id: jobs.length, since: clock.monotonic(), resolve, reject, abort };
      jobs.push(job);
      const work = () => {
        job.startedAt = clock.monotonic();
        started.push(job);
        return promise;
      };
      gate.run(work, { signal: abort.signal }).then(
        (value) => {
          job.outcome = { value };
        },
        (error) => {
          job.outcome = { error };
        },
      );
      return job;
    },
  };
}

interface Job {
  readonly id: number;
  readonly since: number;
  readonly resolve: (value: number) => void;
  readonly reject: (error: Error) => void;
  readonly abort: AbortController;
  startedAt?: number;
  outcome?: { value: number } | { error: unknown };
}

const errorOf = (job: Job | undefined) =>
  job?.outcome && 'error' in job.outcome ? job.outcome.error : undefined;
const isRefused = (job: Job) => {
  const error = errorOf(job);
  return error instanceof AppError && error.spec === unavailable;
};

test('any history: bounded, in order, nobody forgotten, nothing stale or abandoned started', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'submit' as const, pick: 0 }) },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constantFrom('finish' as const, 'fail' as const, 'abort' as const),
        pick: fc.nat(20),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), pick: fc.nat(120) }) },
  );
  const options = fc.record({
    concurrency: fc.integer({ min: 1, max: 4 }),
    queueLimit: fc.nat(6),
    maxWait: fc.integer({ min: 0, max: 200 }).map(milliseconds),
  });
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
      const { clock, gate, jobs, started, running, waiting, submit } = world(limits);
      const isStale = (job: Job) => clock.monotonic() - job.since > limits.maxWait;
      for (const { kind, pick } of steps) {
        const someRunning = running()[pick % Math.max(1, running().length)];
        const someWaiting = waiting()[pick % Math.max(1, waiting().length)];
        if (kind === 'submit') {
          const room = waiting().filter((job) => !isStale(job)).length < limits.queueLimit;
          const free = running().length < limits.concurrency;
          const job = submit();
          await settled();
          expect(isRefused(job)).toBe(!room && !free);
          expect(job.startedAt !== undefined).toBe(free);
        } else if (kind === 'finish') someRunning?.resolve(someRunning.id);
        else if (kind === 'fail') someRunning?.reject(new Error(`job ${someRunning.id}`));
        else if (kind === 'abort') someWaiting?.abort.abort(new Error('gone'));
        else clock.advance(milliseconds(pick));
        await settled();

        expect(gate.stats()).toEqual({ running: running().length, waiting: waiting().length });
        expect(running().length).toBeLessThanOrEqual(limits.concurrency);
        expect(waiting().length).toBeLessThanOrEqual(limits.queueLimit);
        if (running().length < limits.concurrency) expect(waiting()).toEqual([]);
        if (kind === 'abort' && someWaiting) {
          expect(errorOf(someWaiting)).toEqual(new Error('gone'));
        }
      }
      while (running().length > 0) {
        for (const job of running()) job.resolve(job.id);
        await settled();
      }
      expect(gate.stats()).toEqual({ running: 0, waiting: 0 });
      expect(jobs.filter((job) => job.outcome === undefined)).toEqual([]);
      const order = started.map((job) => job.id);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
      for (const job of jobs) {
        if (job.startedAt !== undefined) {
          expect(job.startedAt - job.since).toBeLessThanOrEqual(limits.maxWait);
          expect(isRefused(job)).toBe(false);
        } else expect(job.abort.signal.aborted || isRefused(job)).toBe(true);
      }
    }),
  );
});

test('a work settles as its caller sees it, and its failure frees the place', async () => {
  const { gate } = world({ concurrency: 1, queueLimit: 0 });
  await expect(gate.run(async () => 'done')).resolves.toBe('done');
  await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  const throwsAtOnce = () => {
    throw new Error('at once');
  };
  await expect(gate.run(throwsAtOnce)).rejects.toThrow('at once');
  expect(gate.stats()).toEqual({ running: 0, waiting: 0 });
});

test('Retry-After tells how long the queue will take, by what works took lately', async () => {
  const { clock, gate, submit } = world({ concurrency: 2, queueLimit: 4 });
  const first = submit();
  clock.advance(seconds(3));
  first.resolve(0);
  await settled();
  for (let i = 0; i < 6; i += 1) submit();
  await expect(gate.run(async () => 0)).rejects.toMatchObject({
    spec: unavailable,
    extras: { retryAfter: 9 },
  });
});

test('Retry-After is at least a second and no more than the longest wait', async () => {
  const { clock, gate, submit } = world({
    concurrency: 1,
    queueLimit: 0,
    maxWait: seconds(5),
  });
  const first = submit();
  await expect(gate.run(async () => 0)).rejects.toMatchObject({ extras: { retryAfter: 1 } });
  clock.advance(seconds(600));
  first.resolve(0);
  await settled();
  submit();
  await expect(gate.run(async () => 0)).rejects.toMatchObject({ extras: { retryAfter: 5 } });
});

test('the longest wait may be waited out, and not a moment more', async () => {
  for (const [late, starts] of [[0, true] as const, [1, false] as const]) {
    const { clock, submit } = world({ concurrency: 1, queueLimit: 1, maxWait: seconds(5) });
    const first = submit();
    const second = submit();
    clock.advance(milliseconds(5000 + late));
    first.resolve(0);
    await settled();
    expect(second.startedAt !== undefined).toBe(starts);
    expect(isRefused(second)).toBe(!starts);
  }
});

test('one who has waited too long makes room for a newcomer, though no place is free', async () => {
  const { clock, submit, waiting } = world({ concurrency: 1, queueLimit: 1, maxWait: seconds(5) });
  submit();
  const tooOld = submit();
  clock.advance(seconds(6));
  const newcomer = submit();
  await settled();
  expect(isRefused(tooOld)).toBe(true);
  expect(waiting()).toEqual([newcomer]);
});

test('a client that had gone before it came takes no place', async () => {
  const { gate } = world({ concurrency: 1, queueLimit: 1 });
  const signal = AbortSignal.abort(new Error('gone'));
  let ran = false;
  const work = async () => {
    ran = true;
  };
  await expect(gate.run(work, { signal })).rejects.toThrow('gone');
  expect(ran).toBe(false);
  expect(gate.stats()).toEqual({ running: 0, waiting: 0 });
});

test('a gate that lets nothing through is refused', () => {
  for (const concurrency of [0, -1, Number.NaN]) {
    expect(() => world({ concurrency, queueLimit: 1 })).toThrow(RangeError);
  }
});

test('room is there until the queue is full, and asking takes none of it', async () => {
  const { gate, submit, clock } = world({
    concurrency: 1,
    queueLimit: 1,
    maxWait: seconds(8),
  });
  gate.requireRoom();
  const [first] = [submit(), submit()];
  await settled();
  expect(gate.requireRoom).toThrow(AppError);
  expect(gate.stats()).toEqual({ running: 1, waiting: 1 });
  clock.advance(seconds(9));
  // Who has waited too long makes room.
  gate.requireRoom();
  expect(gate.stats()).toEqual({ running: 1, waiting: 0 });
  submit();
  await settled();
  expect(gate.requireRoom).toThrow(AppError);
  first?.resolve(1);
  await settled();
  gate.requireRoom();
});

test('a signal that aborts when the turn has just come takes nothing out of the queue', async () => {
  const gate = createGate({ concurrency: 1, queueLimit: 1, clock: manualClock() });
  const first = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const ended = gate.run(() => first.promise);
  const second = gate.run(async () => 'done', {
    signal: leaving.signal,
    onStart: () => leaving.abort(new Error('gone')),
  });
  first.resolve();
  await ended;
  expect(await second).toBe('done');
  expect(gate.stats()).toEqual({ running: 0, waiting: 0 });
});
