import { z } from 'zod';
import type { Operation } from '../http/operation.ts';
import { unavailable } from '../kit/errors.ts';

const document = z.looseObject({ openapi: z.string() }).meta({ id: 'OpenApi' });

/** What this room serves for machines. */
export const DOCUMENT_OPERATIONS: readonly Operation[] = [
  {
    call: 'GET /openapi.json',
    id: 'getOpenApi',
    tag: 'This document',
    summary: 'This document',
    answers: {
      200: {
        description: 'OpenAPI 3.1.',
        body: document,
        headers: ['ETag', 'Cache-Control'],
      },
      304: { description: '`If-None-Match` names this version.', headers: ['ETag'] },
    },
    fromMemory: true,
    errors: [unavailable],
  },
];
