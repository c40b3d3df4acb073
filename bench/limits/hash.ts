import { randomBytes } from 'node:crypto';

/** How to hash; the bench sends it for each measurement. */
export interface HashRun {
  readonly milliseconds: number;
  readonly inFlight: number;
  readonly memory: number;
  readonly time: number;
  readonly parallelism: number;
}

/** What came of it. */
export interface HashResult {
  readonly rate: number;
  readonly library: string;
}

type Hash = (password: Buffer, salt: Buffer, cost: HashRun) => Promise<unknown>;

/** Argon2id alone, by the faster package where it is installed. */
async function load(): Promise<{ readonly library: string; readonly hash: Hash }> {
  try {
    const { hashRaw } = await import('@node-rs/argon2');
    const [argon2id, version13] = [2, 1];
    const hash: Hash = (password, salt, { memory, time, parallelism }) =>
      hashRaw(password, {
        ...{ salt, algorithm: argon2id, version: version13, outputLen: 32 },
        ...{ memoryCost: memory, timeCost: time, parallelism },
      });
    return { library: '@node-rs/argon2', hash };
  } catch {
    const argon2 = await import('argon2');
    const hash: Hash = (password, salt, { memory, time, parallelism }) =>
      argon2.hash(password, {
        ...{ raw: true, salt, type: argon2.argon2id, hashLength: 32 },
        ...{ memoryCost: memory, timeCost: time, parallelism },
      });
    return { library: 'argon2', hash };
  }
}

async function measure(run: HashRun): Promise<HashResult> {
  const { library, hash } = await load();
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
