import type { z } from 'zod';
import { AppError, invalidRequest } from '../kit/errors.ts';
import type { AppContext } from './context.ts';
import { fieldErrors, humanMessage } from './field-errors.ts';

/**
 * Reads the query by a strict schema; a parameter that is given twice is refused.
 * @throws AppError `invalid_request`
 */
export function readQuery<S extends z.ZodType>(ctx: AppContext, schema: S): z.output<S> {
  const result = schema.safeParse({ ...ctx.query }, { error: humanMessage });
  if (result.success) return result.data;
  throw new AppError(invalidRequest, {
    detail: 'The query has faults; see errors.',
    fields: fieldErrors(result.error),
  });
}
