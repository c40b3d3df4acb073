import { z } from 'zod';

/** A user as `renderUser` shows one. */
export const userAnswer = z
  .strictObject({
    id: z.uuid().meta({ description: 'The `sub` of access tokens.' }),
    email: z.string().max(254).meta({ format: 'email' }),
    email_verified: z.boolean(),
    name: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'User' });
