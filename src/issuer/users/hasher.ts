import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Gate } from '../../kit/gate.ts';
import { type Argon2, type Argon2Package, type Argon2Task, fastestArgon2 } from './argon2.ts';
import {
  type Argon2Cost,
  type Argon2Hash,
  type Argon2Variant,
  affordable,
  costsMore,
  DIGEST_LENGTH,
  differs,
  formatArgon2Hash,
  type PasswordHash,
  parseArgon2Hash,
  SALT_LENGTH,
} from './argon2-hash.ts';
import { normalisePassword } from './password.ts';
import { readStoredHash } from './stored-hash.ts';

/** What became of a password that was held against a stored hash. */
export interface Verification {
  readonly ok: boolean;
  /** The password is right, but its hash was not made the way new ones are: make it anew. */
  readonly rehash: boolean;
}

/** Makes and checks password hashes, through the gate: `unavailable` (503) when it is full. */
export interface Hasher {
  /** The package that computes Argon2. */
  readonly package: Argon2Package;
  /** Throws the 503 of a gate that is full, before anything else is done for a login. */
  requireRoom(): void;
  /** Hashes a password of any content and length, in NFC; throws as the gate does. */
  hash(password: string, signal?: AbortSignal): Promise<PasswordHash>;
  /**
   * Holds a password against a stored hash; undefined stands for a user who does not exist, and
   * takes the same work. The work is that of the stored hash's own parameters: until a hash of
   * other parameters is remade, its login takes another time than an unknown user's.
   */
  verify(
    stored: PasswordHash | undefined,
    password: string,
    signal?: AbortSignal,
  ): Promise<Verification>;
}

/** What a hasher is made from. */
export interface HasherOptions {
  /** The cost of new hashes. */
  readonly argon2: Argon2Cost;
  readonly gate: Omit<Gate, 'stats'>;
  /** Told about a stored hash that cannot be read; the message names no part of it. */
  readonly onUnreadable: (message: string) => void;
  /** The package to use; the fastest that is installed when absent. */
  readonly library?: Argon2;
}

/** Makes a hasher. Throws RangeError for a cost that Argon2 does not know or nobody can afford. */
export async function createHasher(options: HasherOptions): Promise<Hasher> {
  const { argon2: cost, gate, onUnreadable } = options;
  const library = options.library ?? (await fastestArgon2());
  const today: Argon2Variant = { ...cost, type: 'argon2id', version: 0x13 };
  const dummy: Argon2Hash = {
    ...today,
    salt: randomBytes(SALT_LENGTH),
    digest: randomBytes(DIGEST_LENGTH),
  };
  if (!parseArgon2Hash(formatArgon2Hash(dummy)) || !affordable(cost)) {
    throw new RangeError(`Argon2 cannot be run with ${JSON.stringify(cost)}`);
  }

  async function derive(
    password: string,
    { salt, digest, ...variant }: Argon2Hash,
    signal: AbortSignal | undefined,
  ): Promise<Buffer> {
    const bytes = Buffer.from(normalisePassword(password));
    const task = { password: bytes, salt, variant, length: digest.length };
    if (costsMore(variant, today)) return await gate.run(() => alone(task), { signal });
    return await gate.share(library.derive, task, { signal });
  }

  async function alone(task: Argon2Task): Promise<Buffer> {
    const [digest] = await library.derive([task]);
    return digest as Buffer;
  }

  return {
    package: library.name,
    requireRoom: gate.requireRoom,
    async hash(password, signal) {
      const fresh = { ...dummy, salt: randomBytes(SALT_LENGTH) };
      return formatArgon2Hash({ ...fresh, digest: await derive(password, fresh, signal) });
    },
    async verify(stored, password, signal) {
      const known = stored === undefined ? undefined : readStoredHash(stored);
      if (typeof known === 'string') onUnreadable(`A stored password hash ${known}`);
      if (typeof known === 'object' && known.kind === 'foreign') {
        const ok = await gate.run(() => known.hash.matches(password), { signal });
        return { ok, rehash: ok && known.hash.isCertain(password) };
      }
      const hash = typeof known === 'object' ? known.hash : dummy;
      const matches = timingSafeEqual(await derive(password, hash, signal), hash.digest);
      // The dummy is never right, not even by the one chance in 2^256.
      const ok = matches && hash !== dummy;
      return { ok, rehash: ok && differs(hash, today) };
    },
  };
}
