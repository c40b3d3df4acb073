import type { IncomingMessage } from 'node:http';
import { AppError, invalidRequest } from '../kit/errors.ts';
import { headerCount } from './target.ts';
import { withoutWhiteSpace } from './white-space.ts';

/**
 * The bearer token of a request (RFC 6750 section 2.1), from Authorization alone: never from the
 * query, the body or a cookie. Undefined when there is none or another scheme; whatever its length
 * or form, it is the verifier's to judge. Throws a 400 for two Authorization headers, of which
 * Node shows only the first.
 */
export function bearerToken({ req }: { readonly req: IncomingMessage }): string | undefined {
  const value = req.headers.authorization;
  if (value === undefined) return undefined;
  if (headerCount(req, 'authorization') > 1) {
    throw new AppError(invalidRequest, { detail: 'There is more than one Authorization header.' });
  }
  if (value.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  const token = withoutWhiteSpace(value.slice(7));
  return token === '' ? undefined : token;
}
