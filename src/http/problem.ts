import { AppError, type ErrorSpec, type FieldError, invalidRequest } from '../kit/errors.ts';

/** Nothing is served under this path. */
export const notFound: ErrorSpec = {
  status: 404,
  code: 'not_found',
  title: 'There is nothing here',
};

/** The path exists, the method does not; thrown with an `Allow` header. */
export const methodNotAllowed: ErrorSpec = {
  status: 405,
  code: 'method_not_allowed',
  title: 'The method is not allowed here',
};

/** The body is larger than any call needs. */
export const bodyTooLarge: ErrorSpec = {
  status: 413,
  code: 'body_too_large',
  title: 'The body is too large',
};

/** The body is not what this call reads, or does not say what it is. */
export const unsupportedMediaType: ErrorSpec = {
  status: 415,
  code: 'unsupported_media_type',
  title: 'The media type is not supported',
};

/** A call with the cookie that did not come from an allowed origin. */
export const csrfRejected: ErrorSpec = {
  status: 403,
  code: 'csrf_rejected',
  title: 'The request did not come from an allowed origin',
};

/** A fault of ours; says nothing more to the outside. */
export const internal: ErrorSpec = {
  status: 500,
  code: 'internal',
  title: 'Something went wrong here',
};

/** The target `*` means the server as a whole (RFC 9110 section 9.3.7). */
export const onlyOptions = (): AppError =>
  new AppError(invalidRequest, { detail: 'Only OPTIONS has the target *.' });

/** A rendered error: headers are name and value pairs, `Content-Length` among them. */
export interface Problem {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly code: string;
  readonly request_id: string;
  readonly errors?: readonly FieldError[];
}

/**
 * What any thrown thing is to the outside: an `AppError` itself, a library's 4xx error a 404 or
 * a 400, everything else `internal`.
 */
export function asAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (thrown instanceof Error && 'status' in thrown && 'expose' in thrown && thrown.expose) {
    const { status } = thrown;
    if (status === 404) return new AppError(notFound);
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return new AppError(invalidRequest, { cause: thrown });
    }
  }
  return new AppError(internal, { cause: thrown });
}

/** Renders an error as application/problem+json (RFC 9457); every one but a 500 has a `detail`. */
export function renderProblem({ spec, extras }: AppError, requestId: string): Problem {
  // What went wrong inside is nobody's business outside.
  const detail = extras.detail ?? (spec === internal ? undefined : spec.title);
  const document: ProblemBody = {
    type: `urn:keyturn:error:${spec.code}`,
    title: spec.title,
    status: spec.status,
    ...(detail !== undefined && { detail }),
    code: spec.code,
    request_id: requestId,
    ...(extras.fields && { errors: extras.fields }),
  };
  const body = Buffer.from(JSON.stringify(document));
  const headers: [string, string][] = [
    ['Content-Type', 'application/problem+json'],
    ['Content-Length', String(body.length)],
    ['Cache-Control', 'no-store'],
  ];
  if (extras.retryAfter !== undefined) headers.push(['Retry-After', String(extras.retryAfter)]);
  if (spec.bearer) {
    headers.push(['WWW-Authenticate', challenge(spec.bearer, detail ?? spec.title)]);
  }
  headers.push(...Object.entries(extras.headers ?? {}));
  return { status: spec.status, headers, body };
}

/** The challenge of RFC 6750 section 3; without a token it names no error. */
function challenge(error: NonNullable<ErrorSpec['bearer']>, description: string): string {
  if (error === 'none') return 'Bearer realm="keyturn"';
  const quotable = description.replaceAll(/["\\]/g, "'").replaceAll(/[^\x20-\x7e]/g, '?');
  return `Bearer error="${error}", error_description="${quotable}"`;
}
