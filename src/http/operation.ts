import { z } from 'zod';
import type { ErrorSpec } from '../kit/errors.ts';

/** The body of an answer that tells nothing, whatever happened. */
export const nothing = z.strictObject({}).meta({ id: 'Nothing' });

/** Headers of answers that are worth telling; every answer has X-Request-Id besides. */
export type AnswerHeader =
  | 'Allow'
  | 'Cache-Control'
  | 'ETag'
  | 'Location'
  | 'RateLimit'
  | 'RateLimit-Policy'
  | 'Retry-After'
  | 'Set-Cookie'
  | 'WWW-Authenticate';

/** What a call answers when it does what it was asked for. */
export interface Answer {
  readonly description: string;
  /** The body as its reader gets it; none when absent. */
  readonly body?: z.ZodType;
  /** Of the body; `application/json` when absent. */
  readonly mediaType?: string;
  readonly headers?: readonly AnswerHeader[];
}

/** How a caller may say who it is. */
export type Credential = 'bearer' | 'refreshCookie' | 'nothing';

/**
 * One call of the API, as OpenAPI calls it an operation: a room lists its own beside its routes,
 * with the schemas that those parse requests by.
 */
export interface Operation {
  /** Method and path as the router has them: `DELETE /api/auth/sessions/:id`. */
  readonly call: `${'GET' | 'POST' | 'PATCH' | 'DELETE'} /${string}`;
  /** OpenAPI's `operationId`: unique, camelCase. */
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  /** In CommonMark. */
  readonly description?: string;
  /** Any of these will do; `nothing` when absent. */
  readonly credentials?: readonly Credential[];
  /** What stands in the path, by name. */
  readonly path?: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodObject;
  /** Whether If-Match is honoured. */
  readonly conditional?: boolean;
  /** Of a JSON body. */
  readonly body?: z.ZodType;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** What it refuses with, besides what every call of its kind may refuse with. */
  readonly errors?: readonly ErrorSpec[];
  /** Answered before the application, from memory: nothing can go wrong but what `errors` has. */
  readonly fromMemory?: boolean;
}
