import type { ErrorSpec } from '../../kit/errors.ts';

/** Another account has this address. */
export const emailTaken: ErrorSpec = {
  status: 409,
  code: 'email_taken',
  title: 'An account with this email address exists already',
};

/** Right password, but an administrator has disabled the account. */
export const accountDisabled: ErrorSpec = {
  status: 403,
  code: 'account_disabled',
  title: 'This account is disabled',
};

/** Unknown address or wrong password: the same answer for both. */
export const invalidCredentials: ErrorSpec = {
  status: 401,
  code: 'invalid_credentials',
  title: 'Email address or password is wrong',
};

/** Nobody may register here. */
export const registrationClosed: ErrorSpec = {
  status: 403,
  code: 'registration_closed',
  title: 'Registration is closed',
};

/** The address has to be verified before anybody logs in. */
export const emailNotVerified: ErrorSpec = {
  status: 403,
  code: 'email_not_verified',
  title: 'The email address has not been verified yet',
};
