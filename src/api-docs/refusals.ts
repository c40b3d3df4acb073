import type { AnswerHeader, Operation } from '../http/operation.ts';
import { bodyTooLarge, internal, renderProblem, unsupportedMediaType } from '../http/problem.ts';
import { AppError, type ErrorSpec, invalidRequest, unavailable } from '../kit/errors.ts';
import { headerRefs } from './headers.ts';
import { schemaUri } from './schemas.ts';

/** Every error that a call may answer, by status. */
export function refusalsOf(operation: Operation): Map<number, ErrorSpec[]> {
  const byStatus = new Map<number, ErrorSpec[]>();
  for (const spec of new Set(errorsOf(operation))) {
    byStatus.set(spec.status, [...(byStatus.get(spec.status) ?? []), spec]);
  }
  return byStatus;
}

function errorsOf({ errors = [], body, fromMemory }: Operation): ErrorSpec[] {
  if (fromMemory) return [...errors];
  const ofBodies = body ? [bodyTooLarge, unsupportedMediaType] : [];
  return [invalidRequest, ...errors, ...ofBodies, internal, unavailable];
}

/** The name of the one answer for errors that share a status. */
export const refusalName = (specs: readonly ErrorSpec[]): string =>
  specs.map(({ code }) => code).join('.');

/** An answer that is a problem document, with one example a code. */
export const refusal = (specs: readonly ErrorSpec[]) => ({
  description: specs.map(({ code, title }) => `\`${code}\`: ${title}.`).join('\n\n'),
  headers: headerRefs(headersOf(specs)),
  content: {
    'application/problem+json': {
      schema: {
        allOf: [{ $ref: schemaUri('Problem') }],
        properties: { code: { enum: specs.map(({ code }) => code) } },
      },
      examples: Object.fromEntries(specs.map((spec) => [spec.code, exampleOf(spec)])),
    },
  },
});

function headersOf(specs: readonly ErrorSpec[]): AnswerHeader[] {
  const [first] = specs;
  if (specs.some(({ bearer }) => bearer !== undefined)) return ['WWW-Authenticate'];
  if (first?.status === 429) return ['Retry-After', 'RateLimit', 'RateLimit-Policy'];
  return first?.status === 503 ? ['Retry-After'] : [];
}

function exampleOf(spec: ErrorSpec) {
  const { body } = renderProblem(new AppError(spec), '302625d0152439a2d48e19d9-17');
  return { value: JSON.parse(body.toString()) as unknown };
}
