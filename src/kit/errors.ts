/** What an error is to the outside: one value per code, exported by the room that throws it. */
export interface ErrorSpec {
  /** HTTP status. */
  readonly status: number;
  /** Stable snake_case name that clients switch on. */
  readonly code: string;
  /** One short sentence, the same for every occurrence (RFC 9457 `title`). */
  readonly title: string;
  /** RFC 6750 `error`, for 401s of bearer calls: makes the renderer add WWW-Authenticate. */
  readonly bearer?: 'invalid_request' | 'invalid_token' | 'none';
}

/** One fault in a request's body. */
export interface FieldError {
  /** Dotted path of the field, empty for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Everything else an error may carry to the client or the log. */
export interface ErrorExtras {
  /** What went wrong this time and what to do about it; shown to the client. */
  readonly detail?: string;
  /** For the log only. */
  readonly cause?: unknown;
  readonly fields?: readonly FieldError[];
  /** Whole seconds for the Retry-After header. */
  readonly retryAfter?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one error that reaches a client with its meaning; anything else is a bare 500. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly spec: ErrorSpec;
  readonly extras: ErrorExtras;

  constructor(spec: ErrorSpec, extras: ErrorExtras = {}) {
    super(extras.detail ?? spec.title, { cause: extras.cause });
    this.spec = spec;
    this.extras = extras;
  }

  /** HTTP status. */
  get status(): number {
    return this.spec.status;
  }

  /** Stable snake_case name. */
  get code(): string {
    return this.spec.code;
  }
}

/** The request itself is wrong: unreadable, a field missing or of the wrong kind. */
export const invalidRequest: ErrorSpec = {
  status: 400,
  code: 'invalid_request',
  title: 'The request is not valid',
};

/** Keyturn or what it needs is not able to answer just now; carries `retryAfter`. */
export const unavailable: ErrorSpec = {
  status: 503,
  code: 'unavailable',
  title: 'The service is temporarily unavailable',
};

/** A 503 that says when to come back, in whole seconds. */
export const unavailableError = (detail: string, retryAfter = 1, cause?: unknown): AppError =>
  new AppError(unavailable, { detail, retryAfter, cause });

/** What an error came of, in a few words for an operator; undefined where it says nothing of it. */
export function reasonOf({ extras }: AppError): string | undefined {
  const { message, code } = (extras.cause ?? {}) as NodeJS.ErrnoException;
  return message || code || undefined;
}
