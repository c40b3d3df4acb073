import type { AppError } from '../../kit/errors.ts';

/** What is wrong with a form, in words for the person who filled it in. */
export interface Faults {
  /** The error's stable code. */
  readonly code?: string;
  /** Said above the form. */
  readonly summary?: string;
  /** Said beside a field, by its name. */
  readonly fields: Readonly<Record<string, string>>;
  /** The field at which to begin again. */
  readonly first?: string;
}

/** A form that nobody has sent yet. */
export const NO_FAULTS: Faults = { fields: {} };

const ADDRESS = 'Enter an email address, like name@example.com.';

/** What to do about a field that is empty or of the wrong form. */
const FIELDS: Readonly<Record<string, string>> = {
  email: ADDRESS,
  name: 'Enter your name, in at most 200 characters.',
  password: 'Enter a password.',
  current_password: 'Enter your current password.',
  new_password: 'Enter a new password.',
  token: 'Paste the link from the mail, or the code at its end.',
};

const SUMMARIES: Readonly<Record<string, string>> = {
  invalid_credentials: 'That email address and password do not go together. Please check both.',
  account_disabled: 'This account has been disabled. Whoever runs this service can tell you why.',
  email_not_verified: 'This email address has not been confirmed yet. Open the link we mailed you.',
  registration_closed: 'Nobody can register here at the moment.',
  invalid_token: 'This link does not work any more: it is used, too old, or not complete.',
  unavailable: 'That did not work just now. Please try again in a moment.',
};

/** Errors that are about one field, and what to say there. */
const BESIDE: Readonly<Record<string, readonly [field: string, text: string]>> = {
  email_taken: ['email', 'There is an account with this address already.'],
  wrong_password: ['current_password', 'That is not your current password.'],
};

/**
 * What an error of ours is to somebody in front of a form; undefined for one that is no answer to a
 * form and deserves a page of its own.
 * @param names the form's fields
 */
export function faultsOf(error: AppError, names: readonly string[]): Faults | undefined {
  const { code, extras } = error;
  const beside = BESIDE[code];
  if (beside && names.includes(beside[0])) {
    return { code, fields: { [beside[0]]: beside[1] }, first: beside[0] };
  }
  if (code === 'invalid_request' || code === 'weak_password') {
    const wrong = (extras.fields ?? []).filter(({ path }) => names.includes(path));
    if (wrong.length === 0 || wrong.length !== extras.fields?.length) return undefined;
    const fields = Object.fromEntries(wrong.map(({ path, message }) => [path, say(path, message)]));
    return { code, fields, first: names.find((name) => name in fields) ?? '' };
  }
  if (code === 'rate_limited') {
    return { code, fields: {}, summary: `Too many tries. ${wait(extras.retryAfter)}` };
  }
  const summary = SUMMARIES[code];
  return summary === undefined ? undefined : { code, summary, fields: {} };
}

/** Messages that are sentences are said as they are; the others are made for programs. */
const say = (path: string, message: string): string =>
  /^[A-Z]/.test(message) ? message : (FIELDS[path] ?? `This ${message}.`);

function wait(seconds = 60): string {
  if (seconds <= 1) return 'Please try again in a second.';
  if (seconds <= 90) return `Please try again in ${seconds} seconds.`;
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90
    ? `Please try again in ${minutes} minutes.`
    : `Please try again in ${Math.ceil(minutes / 60)} hours.`;
}
