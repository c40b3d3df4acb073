import { z } from 'zod';
import { unavailable } from '../kit/errors.ts';
import type { Operation } from './operation.ts';

const health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });

/** What probes ask. */
export const HEALTH_OPERATIONS: readonly Operation[] = [
  {
    call: 'GET /healthz',
    id: 'getHealth',
    tag: 'Health',
    summary: 'Whether the process lives',
    answers: { 200: { description: 'It does, whatever else is away.', body: health } },
    fromMemory: true,
  },
  {
    call: 'GET /readyz',
    id: 'getReadiness',
    tag: 'Health',
    summary: 'Whether requests should be sent here',
    description: 'The `detail` of a 503 names what is missing.',
    answers: { 200: { description: 'They should.', body: health } },
    errors: [unavailable],
  },
];
