import { pbkdf2, timingSafeEqual } from 'node:crypto';
import { type ForeignHash, fromBase64, MAX_DIGEST, MIN_DIGEST, MIN_SALT } from './foreign-hash.ts';

/** The hash functions, by bytes of their output. */
const LENGTHS: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/** `$pbkdf2-sha256$i=600000,l=32$salt$digest`, or passlib's `$pbkdf2-sha256$29000$salt$digest`. */
const PHC_FORM =
  /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,10})(?:,l=(\d{1,3}))?\$([A-Za-z0-9+/.]{1,172})\$([A-Za-z0-9+/.]{1,172})$/;

/** Django's `pbkdf2_sha256$600000$salt$digest`: the salt is text, the digest padded base64. */
const DJANGO_FORM =
  /^pbkdf2_(sha1|sha256)\$(\d{1,10})\$([\x21-\x23\x25-\x7e]{1,172})\$([A-Za-z0-9+/]{1,172}={0,2})$/;

/** Iterations, counted for each block of output, that this server spends on one hash. */
const MOST = 5_000_000;

/** Reads a PHC string of PBKDF2 (RFC 8018), passlib's or Django's. Undefined for anything else. */
export function parsePbkdf2Hash(text: string): ForeignHash | undefined {
  const django = DJANGO_FORM.exec(text);
  if (django) {
    const [, name, iterations, salt = '', digest = ''] = django;
    return pbkdf2Hash(name, Number(iterations), Buffer.from(salt), fromBase64(digest));
  }
  const [, name = 'sha1', iterations, length, salt = '', digest = ''] = PHC_FORM.exec(text) ?? [];
  if (iterations === undefined) return undefined;
  // passlib writes a dot for the plus sign.
  const [saltBytes, digestBytes] = [salt, digest].map((part) =>
    fromBase64(part.replaceAll('.', '+')),
  );
  if (length !== undefined && Number(length) !== digestBytes?.length) return undefined;
  return pbkdf2Hash(name, Number(iterations), saltBytes, digestBytes);
}

function pbkdf2Hash(
  name: string | undefined,
  iterations: number,
  salt: Buffer | undefined,
  digest: Buffer | undefined,
): ForeignHash | undefined {
  const length = LENGTHS[name ?? ''];
  if (name === undefined || length === undefined || !salt || !digest) return undefined;
  if (iterations < 1 || salt.length < MIN_SALT) return undefined;
  if (digest.length < MIN_DIGEST || digest.length > MAX_DIGEST) return undefined;
  return {
    scheme: 'pbkdf2',
    affordable: iterations * Math.ceil(digest.length / length) <= MOST,
    matches: (password) =>
      new Promise((resolve, reject) => {
        pbkdf2(password, salt, iterations, digest.length, name, (error, key) => {
          if (error) reject(error);
          else resolve(timingSafeEqual(key, digest));
        });
      }),
    isCertain: () => true,
  };
}
