import { randomBytes } from 'node:crypto';
import { type HashCost, loadHash } from './argon2.ts';

/** How to hash; the bench sends it for each measurement. */
export interface HashRun extends HashCost {
  readonly milliseconds: number;
  readonly inFlight: number;
}

/** What came of it. */
export interface HashResult {
  readonly rate: number;
  readonly library: string;
}

async function measure(run: HashRun): Promise<HashResult> {
  const { library, hash } = await loadHash();
  const password = Buffer.from('correct horse battery staple');
  const started = performance.now();
  let done = 0;
  async function hashOn(): Promise<void> {
    while (performance.now() - started < run.milliseconds) {
      await hash(password, randomBytes(16), run);
      done += 1;
    }
  }
  await Promise.all(Array.from({ length: run.inFlight }, hashOn));
  return { rate: (done * 1000) / (performance.now() - started), library };
}

process.on('message', async (run: HashRun) => process.send?.(await measure(run)));
