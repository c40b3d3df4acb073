import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { bearerToken } from '../http/bearer.ts';
import { asAppError, type Problem, renderProblem } from '../http/problem.ts';
import type { AccessTokenClaims } from '../jwt/claims.ts';
import { tokenMissing } from '../jwt/errors.ts';
import { AppError } from '../kit/errors.ts';
import type { Verifier } from './verifier.ts';

/**
 * Verifies the bearer token of a request, from its Authorization header alone (RFC 6750).
 * @throws AppError 401, 400 for two Authorization headers, 503 without keys
 */
export async function verifyRequest(
  verify: Verifier,
  request: IncomingMessage,
): Promise<AccessTokenClaims> {
  const token = bearerToken({ req: request });
  if (token === undefined) throw new AppError(tokenMissing);
  return verify(token);
}

/** The answer to a request that was refused: a problem as Keyturn's own calls give it. */
export function refusal(error: unknown): Problem {
  const requestId = randomUUID();
  const problem = renderProblem(asAppError(error), requestId);
  return { ...problem, headers: [['X-Request-Id', requestId], ...problem.headers] };
}
