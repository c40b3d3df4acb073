import type { ErrorSpec } from '../../kit/errors.ts';

/** A mailed token that is wrong, expired, used, or void since something newer happened. */
export const invalidToken: ErrorSpec = {
  status: 400,
  code: 'invalid_token',
  title: 'The link is not valid any more; ask for a new one',
};

/** The current password that a bearer call carries is not the account's. */
export const wrongPassword: ErrorSpec = {
  status: 400,
  code: 'wrong_password',
  title: 'The current password is wrong',
};
