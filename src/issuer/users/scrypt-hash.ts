import { scrypt, timingSafeEqual } from 'node:crypto';
import { type ForeignHash, fromBase64, MAX_DIGEST, MIN_DIGEST, MIN_SALT } from './foreign-hash.ts';
import { normalisePassword } from './password.ts';

/** What one scrypt hash costs (RFC 7914, section 2). */
interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** Better Auth's own (`@better-auth/utils/password`); its hashes do not say it. */
const BETTER_AUTH: ScryptCost = { N: 16384, r: 16, p: 1 };
const BETTER_AUTH_FORM = /^([0-9a-f]{32}):([0-9a-f]{128})$/;

const PHC_FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([A-Za-z0-9+/]{1,172})\$([A-Za-z0-9+/]{1,172})$/;

/** Memory passes that this server spends on one hash, in bytes: a second or two. */
const MOST = 512 * 1024 ** 2;

/**
 * Reads `salt:key` in hexadecimal, as Better Auth stores it, or the PHC string
 * `$scrypt$ln=…,r=…,p=…$salt$digest`. Undefined for anything else.
 */
export function parseScryptHash(text: string): ForeignHash | undefined {
  const [, hexSalt, hexKey] = BETTER_AUTH_FORM.exec(text) ?? [];
  if (hexSalt !== undefined && hexKey !== undefined) {
    // The salt goes in as the text that it is written in.
    const salt = Buffer.from(hexSalt);
    return scryptHash(BETTER_AUTH, salt, Buffer.from(hexKey, 'hex'), 'NFKC');
  }
  const [, ln, r, p, salt = '', digest = ''] = PHC_FORM.exec(text) ?? [];
  if (ln === undefined) return undefined;
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  const [saltBytes, digestBytes] = [fromBase64(salt), fromBase64(digest)];
  const sound =
    // N is less than 2^(16 r): OpenSSL refuses others, the last of them a table's overflow.
    cost.N >= 2 &&
    cost.r >= 1 &&
    cost.p >= 1 &&
    Math.log2(cost.N) < 16 * cost.r &&
    saltBytes !== undefined &&
    digestBytes !== undefined &&
    saltBytes.length >= MIN_SALT &&
    digestBytes.length >= MIN_DIGEST &&
    digestBytes.length <= MAX_DIGEST;
  return sound ? scryptHash(cost, saltBytes, digestBytes, undefined) : undefined;
}

function scryptHash(
  { N, r, p }: ScryptCost,
  salt: Buffer,
  digest: Buffer,
  form: 'NFKC' | undefined,
): ForeignHash {
  const block = 128 * r;
  return {
    scheme: 'scrypt',
    affordable: block * N * p <= MOST,
    matches: (password) =>
      new Promise((resolve, reject) => {
        const text = form === undefined ? password : normalisePassword(password, form);
        // What OpenSSL reckons that it needs: the table, a block a lane, and a little.
        const maxmem = block * (N + p + 8);
        scrypt(text, salt, digest.length, { N, r, p, maxmem }, (error, key) => {
          if (error) reject(error);
          else resolve(timingSafeEqual(key, digest));
        });
      }),
    isCertain: (password) =>
      form === undefined || normalisePassword(password, form) === normalisePassword(password),
  };
}
