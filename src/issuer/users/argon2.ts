import { onThreads } from '../../kit/threads.ts';
import type { Argon2Variant } from './argon2-hash.ts';
import type { RawTask } from './argon2-worker.ts';

const WORKER = new URL('./argon2-worker.ts', import.meta.url);

/** The packages that can compute Argon2, the faster first. */
export type Argon2Package = '@node-rs/argon2' | 'argon2';

/** One Argon2 to be computed. */
export interface Argon2Task {
  readonly password: Buffer;
  readonly salt: Buffer;
  readonly variant: Argon2Variant;
  /** Of the digest, in bytes. */
  readonly length: number;
}

/** Argon2 itself: bytes in, bytes out. The text of hashes is ours, so that packages cannot differ. */
export interface Argon2 {
  readonly name: Argon2Package;
  /**
   * The digests of passwords, one made after the other. Runs on a thread of its own that yields to
   * all others, or with the slower package on one of libuv's pool.
   */
  derive(tasks: readonly Argon2Task[]): Promise<readonly Buffer[]>;
}

/** Argon2's own numbers for its types (RFC 9106, section 3.2), which both packages use. */
const TYPES = { argon2d: 0, argon2i: 1, argon2id: 2 } as const;

/** Loads the one package. Throws what its import throws where it is not installed. */
export async function loadArgon2(name: Argon2Package): Promise<Argon2> {
  switch (name) {
    case '@node-rs/argon2': {
      // Not installed on every system: found out here rather than at the first password.
      await import('@node-rs/argon2');
      const compute = onThreads<readonly RawTask[], readonly Uint8Array[]>(WORKER);
      return {
        name,
        derive: async (tasks) =>
          (await compute(tasks.map(rawTask))).map((digest) => Buffer.from(digest)),
      };
    }
    case 'argon2': {
      const { hash } = await import('argon2');
      return {
        name,
        async derive(tasks) {
          const digests: Buffer[] = [];
          for (const { password, salt, variant, length } of tasks) {
            const { type, version, memory, time, parallelism } = variant;
            const cost = { memoryCost: memory, timeCost: time, parallelism };
            const options = { ...cost, raw: true, salt, type: TYPES[type], version } as const;
            digests.push(await hash(password, { ...options, hashLength: length }));
          }
          return digests;
        },
      };
    }
  }
}

// Small buffers share their memory, and a thread would be sent all of it.
const rawTask = ({ password, salt, variant, length }: Argon2Task): RawTask => ({
  password: new Uint8Array(password),
  options: {
    salt: new Uint8Array(salt),
    algorithm: TYPES[variant.type],
    version: variant.version === 0x10 ? 0 : 1,
    memoryCost: variant.memory,
    timeCost: variant.time,
    parallelism: variant.parallelism,
    outputLen: length,
  },
});

/** The faster package where it is installed, the other elsewhere. Throws when neither loads. */
export async function fastestArgon2(load = loadArgon2): Promise<Argon2> {
  try {
    return await load('@node-rs/argon2');
  } catch {
    return await load('argon2');
  }
}
