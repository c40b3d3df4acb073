/** What a hash costs, as the server is configured. */
export interface HashCost {
  /** In KiB. */
  readonly memory: number;
  readonly time: number;
  readonly parallelism: number;
}

/** Makes an Argon2id of 32 bytes on another thread. */
export type Hash = (password: Buffer, salt: Buffer, cost: HashCost) => Promise<Buffer>;

/** Argon2id alone, by the faster package where it is installed. */
export async function loadHash(): Promise<{ readonly library: string; readonly hash: Hash }> {
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
