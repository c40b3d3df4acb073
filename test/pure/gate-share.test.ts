import { AsyncLocalStorage } from 'node:async_hooks';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/kit/clock.ts';
import { milliseconds, seconds } from '../../src/kit/duration.ts';
import { AppError, unavailable } from '../../src/kit/errors.ts';
import { createGate, type GateOptions } from '../../src/kit/gate.ts';

/** Lets every promise that can settle do so. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Tasks that took a place together, and end when the test says so. */
interface Group {
  readonly kind: string;
  readonly tasks: readonly number[];
  readonly end: (error?: Error) => void;
  ended: boolean;
}

interface Task {
  readonly id: number;
  readonly kind: string;
  readonly abort: AbortController;
  heardOfStart: number;
  outcome?: { readonly value: unknown } | { readonly error: unknown };
}

/** A gate and tasks of two kinds that may share a place, and of one that may not. */
function world(options: Omit<GateOptions, 'clock'>) {
  const clock = manualClock();
  const gate = createGate({ ...options, clock });
  const tasks: Task[] = [];
  const groups: Group[] = [];
  const begin = (kind: string, ids: readonly number[]): Promise<readonly string[]> => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    const group: Group = {
      ...{ kind, tasks: ids, ended: false },
      end(error) {
        group.ended = true;
        if (error) reject(error);
        else resolve(ids.map((id) => `answer to ${id}`));
      },
    };
    groups.push(group);
    return promise;
  };
  const kinds = new Map(
    ['a', 'b'].map((kind) => [kind, (ids: readonly number[]) => begin(kind, ids)]),
  );
  return {
    clock,
    gate,
    tasks,
    groups,
    running: () => groups.filter(({ ended }) => !ended),
    waiting: () =>
      tasks.filter(({ id, outcome }) => !outcome && !groups.some((one) => one.tasks.includes(id))),
    submit(kind: string) {
      const task: Task = { id: tasks.length, kind, abort: new AbortController(), heardOfStart: 0 };
      tasks.push(task);
      const call = {
        signal: task.abort.signal,
        onStart: () => {
          task.heardOfStart += 1;
        },
      };
      const together = kinds.get(kind);
      const done: Promise<unknown> = together
        ? gate.share(together, task.id, call)
        : gate.run(async () => (await begin(kind, [task.id]))[0], call);
      done.then(
        (value) => {
          task.outcome = { value };
        },
        (error) => {
          task.outcome = { error };
        },
      );
      return task;
    },
  };
}

test('any history: those that share a place are of a kind, next to each other, and never many', async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('a', 'b', 'alone') }) },
    { weight: 4, arbitrary: fc.record({ end: fc.nat(5), fails: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ abort: fc.nat(20) }) },
  );
  const options = fc.record({
    concurrency: fc.integer({ min: 1, max: 3 }),
    queueLimit: fc.nat(12),
  });
  await fc.assert(
    fc.asyncProperty(options, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
      const { gate, tasks, groups, running, waiting, submit } = world(limits);
      const endOne = async (group: Group | undefined, fails: boolean) => {
        const before = waiting();
        const seen = groups.length;
        group?.end(fails ? new Error(`group of ${group.tasks[0]}`) : undefined);
        await settled();
        const [next] = groups.slice(seen);
        expect(groups.length - seen).toBe(group && before.length > 0 ? 1 : 0);
        if (!next) return;
        // The longest waiting first, and behind it all of its kind that are fair.
        const most = Math.min(4, Math.ceil(before.length / limits.concurrency));
        const other = before.findIndex(({ kind }) => kind !== before[0]?.kind);
        const together = next.kind === 'alone' ? 1 : other < 0 ? before.length : other;
        const expected = before.slice(0, Math.min(most, together)).map(({ id }) => id);
        expect(next.tasks).toEqual(expected);
      };
      for (const one of steps) {
        if ('kind' in one) submit(one.kind);
        else if ('end' in one) {
          await endOne(running()[one.end % Math.max(1, running().length)], one.fails);
        } else waiting()[one.abort % Math.max(1, waiting().length)]?.abort.abort(new Error('gone'));
        await settled();
        const inside = running().reduce((sum, group) => sum + group.tasks.length, 0);
        const places = running().length;
        expect(gate.stats()).toEqual({
          running: places,
          waiting: waiting().length + inside - places,
        });
        expect(running().length).toBeLessThanOrEqual(limits.concurrency);
        if (running().length < limits.concurrency) expect(waiting()).toEqual([]);
      }
      while (running().length > 0) await endOne(running()[0], false);
      expect(gate.stats()).toEqual({ running: 0, waiting: 0 });
      for (const { id, outcome, heardOfStart, abort } of tasks) {
        const group = groups.find((one) => one.tasks.includes(id));
        expect(heardOfStart).toBe(group ? 1 : 0);
        if (outcome && 'value' in outcome) expect(outcome.value).toBe(`answer to ${id}`);
        else if (group) expect(outcome?.error).toEqual(new Error(`group of ${group.tasks[0]}`));
        else {
          const refused = outcome?.error instanceof AppError && outcome.error.spec === unavailable;
          expect(refused || abort.signal.aborted).toBe(true);
        }
      }
    }),
  );
});

test.each([
  [15, 4],
  [16, 3],
  [30, 2],
  [31, 1],
  [5000, 1],
])('tasks of %i ms share a place by %i', async (duration, together) => {
  const { clock, groups, submit } = world({ concurrency: 1, queueLimit: 8 });
  for (let i = 0; i < 6; i += 1) submit('a');
  clock.advance(milliseconds(duration));
  groups[0]?.end();
  await settled();
  expect(groups[1]?.tasks).toHaveLength(together);
});

test.each([
  ['too few answers', async () => ['only one']],
  [
    'a throw instead of a promise',
    () => {
      throw new Error('at once');
    },
  ],
  ['no answers at all', async () => undefined],
])('%s are an error of each task, and free the place', async (_what, answers) => {
  const gate = createGate({ concurrency: 1, queueLimit: 8, clock: manualClock() });
  const first = Promise.withResolvers<void>();
  const before = gate.run(() => first.promise);
  const broken = answers as unknown as (tasks: readonly number[]) => Promise<readonly string[]>;
  const tasks = [1, 2].map((task) => gate.share(broken, task));
  first.resolve();
  await before;
  for (const task of tasks) await expect(task).rejects.toThrow();
  expect(gate.stats()).toEqual({ running: 0, waiting: 0 });
});

test('who throws when told of the start fails, and frees the place', async () => {
  const gate = createGate({ concurrency: 1, queueLimit: 1, clock: manualClock() });
  const onStart = () => {
    throw new Error('told');
  };
  await expect(gate.run(async () => 1, { onStart })).rejects.toThrow('told');
  expect(await gate.run(async () => 2)).toBe(2);
});

test('a work that waited runs in the context of who asked for it', async () => {
  const storage = new AsyncLocalStorage<string>();
  const gate = createGate({ concurrency: 1, queueLimit: 1, clock: manualClock() });
  const first = Promise.withResolvers<void>();
  const before = storage.run('first', () => gate.run(() => first.promise));
  const waited = storage.run('second', () => gate.run(async () => storage.getStore()));
  first.resolve();
  await before;
  expect(await waited).toBe('second');
});

test('Retry-After counts the tasks of a place, not the place', async () => {
  const { clock, gate, groups, submit } = world({ concurrency: 1, queueLimit: 4 });
  for (let i = 0; i < 5; i += 1) submit('a');
  groups[0]?.end();
  await settled();
  expect(groups[1]?.tasks).toEqual([1, 2, 3, 4]);
  // Two seconds a task, of which the mean takes an eighth; then a quarter of a second, five times.
  clock.advance(seconds(8));
  groups[1]?.end();
  await settled();
  for (let i = 0; i < 5; i += 1) submit('a');
  await expect(gate.run(async () => 0)).rejects.toMatchObject({
    spec: unavailable,
    extras: { retryAfter: 2 },
  });
});

test('whoever has waited too long shares no place', async () => {
  const limits = { concurrency: 1, queueLimit: 4, maxWait: milliseconds(20) };
  const { clock, groups, tasks, submit } = world(limits);
  submit('a');
  submit('a');
  clock.advance(milliseconds(10));
  submit('a');
  submit('a');
  clock.advance(milliseconds(11));
  groups[0]?.end();
  await settled();
  expect(groups[1]?.tasks).toEqual([2, 3]);
  expect(tasks[1]?.outcome).toMatchObject({ error: { spec: unavailable } });
});
