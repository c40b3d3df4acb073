import { z } from 'zod';
import { type Answer, nothing, type Operation } from '../../http/operation.ts';
import { csrfRejected } from '../../http/problem.ts';
import { rateLimited } from '../limits/errors.ts';
import { invalidRefreshToken, refreshTokenReused } from '../sessions/errors.ts';
import {
  accountDisabled,
  emailNotVerified,
  emailTaken,
  invalidCredentials,
  registrationClosed,
} from '../users/errors.ts';
import { weakPassword } from '../users/password.ts';
import { userAnswer } from '../users/user-schema.ts';
import { credentials, presented, registration } from './routes.ts';

const tokens = {
  access_token: z
    .string()
    .meta({ description: 'A JWT (RFC 9068) for the `Authorization` header.' }),
  token_type: z.literal('Bearer'),
  expires_in: z.int().positive().meta({ description: 'Seconds.' }),
  refresh_token: z.string().optional().meta({
    description: 'Worth one refresh. Absent where it is in the cookie.',
  }),
  refresh_expires_in: z.int().min(0).meta({ description: 'Seconds.' }),
};
const refreshed = z.strictObject(tokens).meta({ id: 'Tokens' });
const signedIn = z.strictObject({ ...tokens, user: userAnswer }).meta({ id: 'SignedIn' });

const signedInAnswer = (description: string): Answer => ({
  description,
  body: signedIn,
  headers: ['Set-Cookie', 'RateLimit', 'RateLimit-Policy'],
});

const COOKIE =
  'With `"delivery": "cookie"` the refresh token comes in an `HttpOnly` cookie instead; such a ' +
  'call is served only to the issuer’s own and the allowed origins.';
const PRESENTED =
  'Takes the token from the body, or else from the cookie; then only from the issuer’s own and ' +
  'the allowed origins.';

/** Register, log in, refresh, log out. */
export const LOGIN_OPERATIONS: readonly Operation[] = [
  {
    call: 'POST /api/auth/register',
    id: 'register',
    tag: 'Login',
    summary: 'Make an account',
    description: COOKIE,
    body: registration,
    answers: {
      201: signedInAnswer('The account is made, and its owner logged in.'),
      202: {
        description:
          'Where addresses have to be verified first: a mail says what comes next, the same for ' +
          'every address.',
        body: nothing,
      },
    },
    errors: [weakPassword, csrfRejected, registrationClosed, emailTaken, rateLimited],
  },
  {
    call: 'POST /api/auth/login',
    id: 'logIn',
    tag: 'Login',
    summary: 'Log in',
    description: COOKIE,
    body: credentials,
    answers: { 200: signedInAnswer('A session is open.') },
    errors: [invalidCredentials, accountDisabled, emailNotVerified, csrfRejected, rateLimited],
  },
  {
    call: 'POST /api/auth/refresh',
    id: 'refresh',
    tag: 'Login',
    summary: 'Trade a refresh token for new tokens',
    description:
      `${PRESENTED}\n\nConsumes the token and answers its one successor. Presented again at once, ` +
      'it gives the same successor; after that was used, it ends the session.',
    credentials: ['refreshCookie', 'nothing'],
    body: presented,
    answers: {
      200: { description: 'New tokens.', body: refreshed, headers: ['Set-Cookie'] },
    },
    errors: [invalidRefreshToken, refreshTokenReused, csrfRejected, rateLimited],
  },
  {
    call: 'POST /api/auth/logout',
    id: 'logOut',
    tag: 'Login',
    summary: 'End the session of a refresh token',
    description: `${PRESENTED} Any authentic token of a session ends it, however old.`,
    credentials: ['refreshCookie', 'nothing'],
    body: presented,
    answers: {
      204: {
        description: 'It is over, also when there was nothing to end.',
        headers: ['Set-Cookie'],
      },
    },
    errors: [csrfRejected],
  },
];
