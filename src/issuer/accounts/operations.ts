import { noFields } from '../../http/body.ts';
import { type Answer, nothing, type Operation } from '../../http/operation.ts';
import { rateLimited } from '../limits/errors.ts';
import { SIGNED_IN_ERRORS } from '../sessions/operations.ts';
import { emailTaken } from '../users/errors.ts';
import { weakPassword } from '../users/password.ts';
import { userAnswer } from '../users/user-schema.ts';
import { changedEmail, mailedToken, unverified } from './email-routes.ts';
import { invalidToken, wrongPassword } from './errors.ts';
import { changedPassword, forgotten, freshPassword } from './password-routes.ts';
import { confirmation, profile } from './routes.ts';

const user = (description: string): Answer => ({ description, body: userAnswer });
const account = { tag: 'Account', credentials: ['bearer'], errors: SIGNED_IN_ERRORS } as const;
/** Of calls that take the current password. */
const guarded = { ...account, errors: [...SIGNED_IN_ERRORS, wrongPassword, rateLimited] } as const;
const mailed: Answer = {
  description: 'A mail says what comes next; the same for every address.',
  body: nothing,
};

/** A user's own account: what it is, its password, its address. */
export const ACCOUNT_OPERATIONS: readonly Operation[] = [
  {
    ...account,
    call: 'GET /api/auth/me',
    id: 'getAccount',
    summary: 'Who is logged in',
    answers: { 200: user('The user.') },
  },
  {
    ...account,
    call: 'PATCH /api/auth/me',
    id: 'changeAccount',
    summary: 'Change the name',
    body: profile,
    answers: { 200: user('The user as it is now.') },
  },
  {
    ...guarded,
    call: 'DELETE /api/auth/me',
    id: 'deleteAccount',
    summary: 'Delete the account',
    body: confirmation,
    answers: { 204: { description: 'It is gone, with all that was personal.' } },
  },
  {
    ...account,
    call: 'POST /api/auth/logout-all',
    id: 'logOutEverywhere',
    tag: 'Sessions',
    summary: 'End every session of the user',
    body: noFields,
    answers: { 204: { description: 'All are over, this one too.' } },
  },
  {
    ...guarded,
    call: 'POST /api/auth/password/change',
    id: 'changePassword',
    summary: 'Change the password',
    body: changedPassword,
    answers: { 204: { description: 'It is changed, and every other session is over.' } },
    errors: [...guarded.errors, weakPassword],
  },
  {
    ...guarded,
    call: 'POST /api/auth/email/change',
    id: 'changeEmail',
    summary: 'Ask for another address',
    description: 'Takes effect when the mail to the new address is confirmed.',
    body: changedEmail,
    answers: { 202: mailed },
  },
  {
    call: 'POST /api/auth/password/forgot',
    id: 'forgotPassword',
    tag: 'Recovery',
    summary: 'Ask for a link that resets the password',
    body: forgotten,
    answers: { 202: mailed },
    errors: [rateLimited],
  },
  {
    call: 'POST /api/auth/password/reset',
    id: 'resetPassword',
    tag: 'Recovery',
    summary: 'Set a password by a mailed token',
    body: freshPassword,
    answers: { 204: { description: 'It is set, every session is over, nobody is logged in.' } },
    errors: [invalidToken, weakPassword, rateLimited],
  },
  {
    call: 'POST /api/auth/email/resend',
    id: 'resendVerification',
    tag: 'Recovery',
    summary: 'Ask for another mail that verifies an address',
    description: 'With a bearer token for its user’s address, without one for that in the body.',
    credentials: ['bearer', 'nothing'],
    body: unverified,
    answers: { 202: mailed },
    errors: [...SIGNED_IN_ERRORS, rateLimited],
  },
  {
    call: 'POST /api/auth/email/verify',
    id: 'verifyEmail',
    tag: 'Recovery',
    summary: 'Confirm an address by a mailed token',
    body: mailedToken,
    answers: { 204: { description: 'It is verified.' } },
    errors: [invalidToken, emailTaken, rateLimited],
  },
];
