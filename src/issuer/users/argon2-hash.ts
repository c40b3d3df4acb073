import type { Brand } from '../../kit/brand.ts';

/** A password's stored hash, scheme and parameters included: a PHC string. */
export type PasswordHash = Brand<string, 'PasswordHash'>;

/** What one Argon2 hash costs (RFC 9106, section 3.1). */
export interface Argon2Cost {
  /** KiB, all lanes together. */
  readonly memory: number;
  /** Passes over the memory. */
  readonly time: number;
  /** Lanes. */
  readonly parallelism: number;
}

/** All that decides a hash but the password and the salt. */
export interface Argon2Variant extends Argon2Cost {
  readonly type: 'argon2d' | 'argon2i' | 'argon2id';
  /** 0x10 or 0x13 (19, of RFC 9106). */
  readonly version: number;
}

/** A stored Argon2 hash, taken apart. */
export interface Argon2Hash extends Argon2Variant {
  readonly salt: Buffer;
  readonly digest: Buffer;
}

/** Length of new salts, in bytes (RFC 9106, section 4). */
export const SALT_LENGTH = 16;
/** Length of new digests, in bytes. */
export const DIGEST_LENGTH = 32;

const FORM =
  /^\$(argon2(?:d|i|id))(?:\$v=(\d{1,2}))?\$([mtp]=\d{1,10},[mtp]=\d{1,10},[mtp]=\d{1,10})\$([A-Za-z0-9+/]{1,86})\$([A-Za-z0-9+/]{1,86})$/;

/**
 * Reads a PHC string of Argon2, its parameters in any order (the specification's is m,t,p; some
 * libraries write m,p,t). Undefined for anything else, and for parameters outside RFC 9106's
 * bounds, salts under 8 bytes, digests under 16, and base64 that is not canonical.
 */
export function parseArgon2Hash(text: string): Argon2Hash | undefined {
  const [, type, version = '16', parameters = '', salt = '', digest = ''] = FORM.exec(text) ?? [];
  if (type === undefined) return undefined;
  const values = new Map(parameters.split(',').map((pair) => [pair[0], Number(pair.slice(2))]));
  const hash = {
    type: type as Argon2Hash['type'],
    version: Number(version),
    memory: values.get('m') ?? 0,
    time: values.get('t') ?? 0,
    parallelism: values.get('p') ?? 0,
    salt: Buffer.from(salt, 'base64'),
    digest: Buffer.from(digest, 'base64'),
  };
  const sound =
    (hash.version === 0x10 || hash.version === 0x13) &&
    hash.time >= 1 &&
    hash.parallelism >= 1 &&
    hash.memory >= 8 * hash.parallelism &&
    hash.salt.length >= 8 &&
    hash.digest.length >= 16 &&
    unpadded(hash.salt) === salt &&
    unpadded(hash.digest) === digest;
  return sound ? hash : undefined;
}

/** The PHC string of a hash: `$argon2id$v=19$m=…,t=…,p=…$salt$digest`. */
export function formatArgon2Hash(hash: Argon2Hash): PasswordHash {
  const { type, version, memory, time, parallelism, salt, digest } = hash;
  const parameters = `m=${memory},t=${time},p=${parallelism}`;
  return `$${type}$v=${version}$${parameters}$${unpadded(salt)}$${unpadded(digest)}` as PasswordHash;
}

/** Whether a stored hash was made in another way than `today`'s, so that it should be remade. */
export const differs = (stored: Argon2Hash, today: Argon2Variant): boolean =>
  stored.type !== today.type ||
  stored.version !== today.version ||
  stored.memory !== today.memory ||
  stored.time !== today.time ||
  stored.parallelism !== today.parallelism ||
  stored.salt.length < SALT_LENGTH ||
  stored.digest.length < DIGEST_LENGTH;

/** Whether a hash takes longer than one of `today`'s cost. */
export const costsMore = (hash: Argon2Cost, today: Argon2Cost): boolean =>
  hash.memory * hash.time > today.memory * today.time;

/**
 * Whether a cost is within what this server will ever spend on one hash: 1 GiB, 4 GiB of memory
 * passes (libsodium's "sensitive") and 16 lanes. A stored hash may come from an import, and must
 * not be able to eat the machine.
 */
export const affordable = ({ memory, time, parallelism }: Argon2Cost): boolean =>
  memory <= 1024 * 1024 && memory * time <= 4 * 1024 * 1024 && parallelism <= 16;

/** Standard base64 without padding, as PHC strings have it. */
const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
