import { type Argon2Hash, affordable, parseArgon2Hash } from './argon2-hash.ts';
import { parseBcryptHash } from './bcrypt-hash.ts';
import type { ForeignHash } from './foreign-hash.ts';
import { parsePbkdf2Hash } from './pbkdf2-hash.ts';
import { parseScryptHash } from './scrypt-hash.ts';

/** A stored hash, taken apart. */
export type StoredHash =
  | { readonly kind: 'argon2'; readonly hash: Argon2Hash }
  | { readonly kind: 'foreign'; readonly hash: ForeignHash };

/** How a hash of each scheme begins, whatever follows. */
const SCHEMES: readonly (readonly [RegExp, string, (text: string) => StoredHash | undefined])[] = [
  [/^\$argon2(d|i|id)\$/, 'argon2', argon2],
  [/^\$2/, 'bcrypt', foreign(parseBcryptHash)],
  [/^(\$scrypt\$|[0-9a-f]+:)/, 'scrypt', foreign(parseScryptHash)],
  [/^(\$pbkdf2|pbkdf2_)/, 'pbkdf2', foreign(parsePbkdf2Hash)],
];

/**
 * Takes a stored hash apart by its scheme, or says why it cannot be used: a predicate that quotes
 * no part of it, as `is malformed for bcrypt`.
 */
export function readStoredHash(text: string): StoredHash | string {
  const scheme = SCHEMES.find(([start]) => start.test(text));
  if (!scheme) return 'is of an unknown scheme';
  const [, name, parse] = scheme;
  const stored = parse(text);
  if (!stored) return `is malformed for ${name}`;
  const bearable = stored.kind === 'argon2' ? affordable(stored.hash) : stored.hash.affordable;
  return bearable ? stored : `costs too much to check, by its ${name} parameters`;
}

function argon2(text: string): StoredHash | undefined {
  const hash = parseArgon2Hash(text);
  return hash && { kind: 'argon2', hash };
}

function foreign(parse: (text: string) => ForeignHash | undefined) {
  return (text: string): StoredHash | undefined => {
    const hash = parse(text);
    return hash && { kind: 'foreign', hash };
  };
}
