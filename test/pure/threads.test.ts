import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { onThreads } from '../../src/kit/threads.ts';

/** A module as a URL, so that no file of the tests' own is needed. */
const moduleOf = (code: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort, threadId } from 'node:worker_threads';\n${code}`)}`,
  );

const ECHO = `parentPort.on('message', (task) => {
  if (task === 'throw') throw new Error('no such task');
  if (task === 'end') process.exit();
  parentPort.postMessage({ task, threadId });
});`;

test('tasks at once have a thread each, and threads are used again', async () => {
  const run = onThreads<number, { task: number; threadId: number }>(moduleOf(ECHO));
  const first = await Promise.all([run(1), run(2), run(3)]);
  expect(first.map(({ task }) => task)).toEqual([1, 2, 3]);
  const threads = new Set(first.map(({ threadId }) => threadId));
  expect(threads.size).toBe(3);
  const then = await Promise.all([run(4), run(5)]);
  expect(then.every(({ threadId }) => threads.has(threadId))).toBe(true);
});

test('a task that throws or ends its thread is rejected, and the next has a fresh one', async () => {
  const run = onThreads<string, { task: string }>(moduleOf(ECHO));
  await expect(run('throw')).rejects.toThrow('no such task');
  expect(await run('more')).toMatchObject({ task: 'more' });
  await expect(run('end')).rejects.toThrow('in the middle of its task');
  expect(await run('again')).toMatchObject({ task: 'again' });
});

test.runIf(process.platform === 'linux')('a thread can yield to all others, alone', async () => {
  const yielding = new URL('../../src/kit/thread-priority.ts', import.meta.url);
  const run = onThreads<null, string>(
    moduleOf(`import { readFileSync } from 'node:fs';
      import { yieldToOthers } from ${JSON.stringify(yielding.href)};
      parentPort.on('message', () => {
        yieldToOthers();
        parentPort.postMessage(readFileSync('/proc/thread-self/stat', 'utf8'));
      });`),
  );
  // proc(5): the nice value is the 19th field; the second, in brackets, may hold blanks.
  const nice = (stat: string) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  const own = nice(readFileSync('/proc/thread-self/stat', 'utf8'));
  expect(nice(await run(null))).toBe(Math.max(13, own));
  expect(nice(readFileSync('/proc/thread-self/stat', 'utf8'))).toBe(own);
});
