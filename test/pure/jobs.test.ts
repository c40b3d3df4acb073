import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type JobDeps, startJobs } from '../../src/issuer/jobs.ts';
import { seconds } from '../../src/kit/duration.ts';

/** Shorter than what any other job waits for. */
const LEASE = seconds(1);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Jobs of which the first only comes round; what the others need is not there. */
function startReading(poll: () => Promise<void>) {
  const said: string[] = [];
  const say = (_: unknown, message: string) => void said.push(message);
  const heard: (() => void)[] = [];
  const listen = (_: string, hear: () => void) => {
    heard.push(hear);
    return { stop: async () => {} };
  };
  const jobs = startJobs({
    keyring: { poll, canSign: () => false },
    policy: { keyLease: LEASE },
    log: { info: say, warn: say },
    database: { listen },
    trail: {},
  } as unknown as JobDeps);
  return { jobs, said, hear: () => heard.forEach((one) => void one()) };
}

test('the keys are read four times in a lease, also while that fails', async () => {
  let polls = 0;
  const { jobs, said } = startReading(async () => {
    polls += 1;
    if (polls === 2 || polls === 3) throw new Error('the database is away');
  });
  await vi.advanceTimersByTimeAsync(LEASE - 1);
  expect(polls).toBe(3);
  await vi.advanceTimersByTimeAsync(1);
  expect(polls).toBe(4);
  // One line an outage, not one a try.
  expect(said).toEqual(['a job failed; it is tried again', 'a job works again']);
  await jobs.stop();
  await vi.advanceTimersByTimeAsync(LEASE);
  expect(polls).toBe(4);
});

test('what is heard of the keys has them read at once, and again where that came too late', async () => {
  let polls = 0;
  let end = () => {};
  const { jobs, hear } = startReading(async () => {
    polls += 1;
    await new Promise<void>((resolve) => {
      end = resolve;
    });
  });
  hear();
  await vi.advanceTimersByTimeAsync(0);
  expect(polls).toBe(1);
  hear();
  hear();
  await vi.advanceTimersByTimeAsync(0);
  expect(polls).toBe(1);
  end();
  await vi.advanceTimersByTimeAsync(0);
  expect(polls).toBe(2);
  end();
  await vi.advanceTimersByTimeAsync(LEASE / 4 - 1);
  expect(polls).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(polls).toBe(3);
  end();
  await jobs.stop();
});
