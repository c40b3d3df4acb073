import { AppError, type ErrorSpec, invalidRequest } from '../../kit/errors.ts';
import type { CommonPasswords } from './common-passwords.ts';
import { isPattern } from './password-pattern.ts';

/** The longest password that is taken, in code points after NFC. */
export const MAX_PASSWORD_LENGTH = 128;

/**
 * No text of more UTF-16 units than this is a permitted password, however it is composed: NFC
 * leaves at least a quarter of the code points, and a code point has at most two units.
 */
export const MAX_PASSWORD_UNITS = MAX_PASSWORD_LENGTH * 4 * 2;

/** A new password that somebody else would guess. */
export const weakPassword: ErrorSpec = {
  status: 400,
  code: 'weak_password',
  title: 'The password is too weak',
};

/** What is asked of a new password, and where in the body it stood. */
export interface NewPasswordPolicy {
  /** Code points after NFC. */
  readonly minLength: number;
  readonly common: Pick<CommonPasswords, 'has'>;
  /** Path for the error's field list; `password` when absent. */
  readonly field?: string;
}

/**
 * Checks a password that is about to be set; never one that signs in, since the rules may have
 * changed after it was set. Throws AppError: `weakPassword` when it is too short or common,
 * `invalidRequest` when it is longer than 128 code points after NFC.
 */
export function checkNewPassword(password: string, policy: NewPasswordPolicy): void {
  const { minLength, common, field = 'password' } = policy;
  const refuse = (spec: ErrorSpec, detail: string): never => {
    throw new AppError(spec, { detail, fields: [{ path: field, message: detail }] });
  };
  const normalised = normalisePassword(password);
  const length = [...normalised].length;
  if (length > MAX_PASSWORD_LENGTH) {
    refuse(invalidRequest, `Choose a password of at most ${MAX_PASSWORD_LENGTH} characters.`);
  }
  if (length < minLength) {
    refuse(weakPassword, `Choose a password of at least ${minLength} characters.`);
  }
  if (common.has(normalised) || isPattern(normalised)) {
    refuse(weakPassword, 'This password is on lists of common ones; choose one that is not.');
  }
}

/**
 * The form that is hashed: NFC unless an imported hash has another, nothing cut off. A text past
 * `MAX_PASSWORD_UNITS` is left as it is: it can match no hash of ours, and normalising takes
 * quadratic time over a long run of combining marks.
 */
export const normalisePassword = (password: string, form: 'NFC' | 'NFKC' = 'NFC'): string =>
  password.length > MAX_PASSWORD_UNITS ? password : password.normalize(form);
