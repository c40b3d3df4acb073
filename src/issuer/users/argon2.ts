import { onThreads } from '../../kit/threads.ts';
import type { Argon2Variant } from './argon2-hash.ts';
import type { Argon2Task } from './argon2-worker.ts';

const WORKER = new URL('./argon2-worker.ts', import.meta.url);

/** The packages that can compute Argon2, the faster first. */
export type Argon2Package = '@node-rs/argon2' | 'argon2';

/** Argon2 itself: bytes in, bytes out. The text of hashes is ours, so that packages cannot differ. */
export interface Argon2 {
  readonly name: Argon2Package;
  /**
   * The digest of a password: `length` bytes. Runs on a thread of its own that yields to all
   * others, or with the slower package on one of libuv's pool.
   */
  derive(
    password: Buffer,
    salt: Buffer,
    variant: Argon2Variant & { length: number },
  ): Promise<Buffer>;
}

/** Argon2's own numbers for its types (RFC 9106, section 3.2), which both packages use. */
const TYPES = { argon2d: 0, argon2i: 1, argon2id: 2 } as const;

/** Loads the one package. Throws what its import throws where it is not installed. */
export async function loadArgon2(name: Argon2Package): Promise<Argon2> {
  switch (name) {
    case '@node-rs/argon2': {
      // Not installed on every system: found out here rather than at the first password.
      await import('@node-rs/argon2');
      const compute = onThreads<Argon2Task, Uint8Array>(WORKER);
      return {
        name,
        derive: async (password, salt, { type, version, memory, time, parallelism, length }) => {
          const options = {
            salt,
            algorithm: TYPES[type],
            version: version === 0x10 ? 0 : 1,
            memoryCost: memory,
            timeCost: time,
            parallelism,
            outputLen: length,
          };
          return Buffer.from(await compute({ password, options }));
        },
      };
    }
    case 'argon2': {
      const { hash } = await import('argon2');
      return {
        name,
        derive: (password, salt, { type, version, memory, time, parallelism, length }) =>
          hash(password, {
            raw: true,
            salt,
            type: TYPES[type],
            version,
            memoryCost: memory,
            timeCost: time,
            parallelism,
            hashLength: length,
          }),
      };
    }
  }
}

/** The faster package where it is installed, the other elsewhere. Throws when neither loads. */
export async function fastestArgon2(load = loadArgon2): Promise<Argon2> {
  try {
    return await load('@node-rs/argon2');
  } catch {
    return await load('argon2');
  }
}
