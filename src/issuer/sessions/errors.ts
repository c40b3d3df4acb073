import type { ErrorSpec } from '../../kit/errors.ts';

/** Not an authentic refresh token, none at all, or one of a session that is over. */
export const invalidRefreshToken: ErrorSpec = {
  status: 401,
  code: 'invalid_refresh_token',
  title: 'The refresh token is not valid; log in again',
};

/** A consumed refresh token came back after its successor was used: the session has been ended. */
export const refreshTokenReused: ErrorSpec = {
  status: 401,
  code: 'refresh_token_reused',
  title: 'The refresh token was used before; the session has been ended for safety',
};

/** The access token is good, but its session is over (only the issuer's own calls look). */
export const sessionEnded: ErrorSpec = {
  status: 401,
  code: 'session_ended',
  title: 'The session has ended; log in again',
  bearer: 'invalid_token',
};
