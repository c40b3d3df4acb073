import { timingSafeEqual } from 'node:crypto';
import { bcrypt } from './bcrypt.ts';
import type { ForeignHash } from './foreign-hash.ts';

/** Cost, 22 characters of salt, 31 of digest. `$2x$` is left out: it marks hashes made wrongly. */
const FORM = /^(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;

/** The cost is a power of two; 4 is the least that bcrypt knows. */
const LEAST_COST = 4;
/** About two seconds. */
const MOST_COST = 14;

/** Reads a hash of bcrypt. Undefined for anything else. */
export function parseBcryptHash(text: string): ForeignHash | undefined {
  const [, setting, cost, digest] = FORM.exec(text) ?? [];
  if (setting === undefined || digest === undefined) return undefined;
  if (Number(cost) < LEAST_COST || Number(cost) > 31) return undefined;
  return {
    scheme: 'bcrypt',
    affordable: Number(cost) <= MOST_COST,
    // Of a password's bytes bcrypt takes the first 72, wherever it was computed.
    async matches(password) {
      const hash = await bcrypt({ password, setting });
      return timingSafeEqual(Buffer.from(hash.slice(-digest.length)), Buffer.from(digest));
    },
    isCertain: (password) => Buffer.byteLength(password) < 72,
  };
}
