import { z } from 'zod';
import { noFields } from '../../http/body.ts';
import type { Operation } from '../../http/operation.ts';
import { notFound } from '../../http/problem.ts';
import { BEARER_ERRORS } from '../../jwt/errors.ts';
import type { ErrorSpec } from '../../kit/errors.ts';
import { sessionEnded } from './errors.ts';

/** What the issuer's own calls refuse access tokens with. */
export const SIGNED_IN_ERRORS: readonly ErrorSpec[] = [...BEARER_ERRORS, sessionEnded];

const sessions = z
  .strictObject({
    sessions: z.array(
      z.strictObject({
        id: z.uuid().meta({ description: 'The `sid` of its access tokens.' }),
        current: z.boolean().meta({ description: 'Whether it is the one that asks.' }),
        created_at: z.iso.datetime(),
        last_used_at: z.iso.datetime(),
        expires_at: z.iso.datetime(),
        user_agent: z.string().nullable(),
        ip: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'Sessions' });

const common = {
  tag: 'Sessions',
  credentials: ['bearer'],
  errors: SIGNED_IN_ERRORS,
} as const;

/** A user's sessions. */
export const SESSION_OPERATIONS: readonly Operation[] = [
  {
    ...common,
    call: 'GET /api/auth/sessions',
    id: 'listSessions',
    summary: 'List the sessions of the user',
    answers: { 200: { description: 'Those that live.', body: sessions } },
  },
  {
    ...common,
    call: 'DELETE /api/auth/sessions/:id',
    id: 'endSession',
    summary: 'End one session',
    path: { id: z.string().meta({ description: 'A session’s id.', format: 'uuid' }) },
    body: noFields,
    answers: { 204: { description: 'It is over.' } },
    errors: [...common.errors, notFound],
  },
];
