import { createHash, randomBytes } from 'node:crypto';
import { type Duration, seconds } from '../../kit/duration.ts';

/** What a mailed token is good for, and for nothing else. */
export type MailedTokenPurpose = 'reset_password' | 'verify_email' | 'change_email';

/** How long a link works that somebody has asked for, to set another password. */
export const RESET_TTL: Duration = seconds(30 * 60);

/** How long a link works that confirms an address, or that invites to set a first password. */
export const CONFIRM_TTL: Duration = seconds(24 * 3600);

const FORM = /^ktm_[\w-]{43}$/;

/** Makes a token of 256 random bits. */
export const newMailedToken = (): string => `ktm_${randomBytes(32).toString('base64url')}`;

/** What is stored of a token; undefined for a text that no token looks like. */
export const hashMailedToken = (token: string): Buffer | undefined =>
  FORM.test(token) ? createHash('sha256').update(token).digest() : undefined;
