import type { ErrorSpec } from '../kit/errors.ts';

/** The path names another user than the token. */
export const crossUserAccess: ErrorSpec = {
  status: 403,
  code: 'cross_user_access',
  title: "Another user's todos are none of yours",
};

/** The todo has changed since it was read. */
export const preconditionFailed: ErrorSpec = {
  status: 412,
  code: 'precondition_failed',
  title: 'The todo has changed meanwhile; read it again',
};
