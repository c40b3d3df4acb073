/** A stored hash of a scheme in which no new ones are made; it came with an import. */
export interface ForeignHash {
  readonly scheme: 'bcrypt' | 'scrypt' | 'pbkdf2';
  /** Whether this server will ever spend on one hash what this one costs. */
  readonly affordable: boolean;
  /** Whether a password is the one, in the scheme's own normalisation. Takes its time off the main thread. */
  matches(password: string): Promise<boolean>;
  /**
   * Whether a password that matches is to be taken for the one that was set. Where it shows that
   * others match as well, a hash made of what was typed could shut out what was set.
   */
  isCertain(password: string): boolean;
}

/** Shorter salts and digests are of no scheme that anybody should have used. */
export const MIN_SALT = 8;
export const MIN_DIGEST = 16;
/** Longer ones are nobody's either. */
export const MAX_DIGEST = 128;

/** The bytes of standard base64, padded or not; undefined when it is not canonical. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  const padded = bytes.toString('base64');
  return text === padded || text === padded.replace(/=+$/, '') ? bytes : undefined;
}
