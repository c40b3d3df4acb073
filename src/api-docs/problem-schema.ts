import { z } from 'zod';

/** The body of every error (RFC 9457), as `renderProblem` makes it. */
export const problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional().meta({ description: 'For people.' }),
    code: z.string().meta({ description: 'What programs switch on; never changes.' }),
    request_id: z.string().meta({ description: 'Equals X-Request-Id and stands in the log.' }),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'The faults of the body, each with its dotted path.' }),
  })
  .meta({ id: 'Problem' });
