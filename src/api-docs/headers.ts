import type { AnswerHeader } from '../http/operation.ts';

interface Header {
  readonly description: string;
  readonly schema: { readonly type: 'string' | 'integer' };
}

const header = (description: string, type: 'string' | 'integer' = 'string'): Header => ({
  description,
  schema: { type },
});

/** Every header that the document speaks of. */
export const HEADERS: Readonly<Record<AnswerHeader | 'X-Request-Id', Header>> = {
  'X-Request-Id': header('Our id of the request; the log has it, too.'),
  Allow: header('The methods that there are.'),
  'Cache-Control': header('How long to keep the answer.'),
  ETag: header('The version, for `If-Match` and `If-None-Match` (RFC 9110 section 8.8.3).'),
  Location: header('Where the new one is.'),
  RateLimit: header('What is left (draft-ietf-httpapi-ratelimit-headers).'),
  'RateLimit-Policy': header('What may be done how often.'),
  'Retry-After': header('Seconds to wait before trying again.', 'integer'),
  'Set-Cookie': header('The refresh token, where it travels in the cookie.'),
  'WWW-Authenticate': header('The challenge of RFC 6750 section 3.'),
};

/** References to headers, as an answer lists them. */
export const headerRefs = (names: readonly AnswerHeader[]) =>
  Object.fromEntries(
    (['X-Request-Id', ...names] as const).map((name) => [
      name,
      { $ref: `#/components/headers/${name}` },
    ]),
  );
