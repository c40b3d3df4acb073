/** One fault in what was sent, as `errors` of a problem has it. */
export interface FieldFault {
  /** Dotted path of the field, empty for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

interface Refusal {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly title?: unknown;
  readonly errors?: unknown;
}

/** Why Keyturn did not do what was asked; `message` is a sentence for people. */
export class KeyturnError extends Error {
  override readonly name = 'KeyturnError';
  /**
   * Keyturn's own stable code (`invalid_credentials`, `email_taken`, `rate_limited`, …), or
   * `network_error` when there was no answer, or `unexpected_answer` when it was not Keyturn's.
   */
  readonly code: string;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** What was wrong with which field; empty for most errors. */
  readonly fields: readonly FieldFault[];
  /** Seconds to wait before another try, where the answer said so. */
  readonly retryAfter: number | undefined;

  constructor(status: number, refusal: Refusal, retryAfter?: number, cause?: unknown) {
    const { code, detail, title, errors } = refusal;
    super(String(detail ?? title ?? `The answer was ${status}.`), { cause });
    this.code = String(code ?? 'unexpected_answer');
    this.status = status;
    this.fields = Array.isArray(errors) ? errors : [];
    this.retryAfter = retryAfter;
  }
}

/** No answer came: the network is away, the server down, or the origin not allowed. */
export const networkError = (cause: unknown): KeyturnError =>
  new KeyturnError(0, { code: 'network_error', detail: 'There was no answer.' }, undefined, cause);

/** What an answer other than 2xx says; reads its body. */
export async function errorOf(response: Response): Promise<KeyturnError> {
  const refusal = await response.json().catch(() => null);
  return new KeyturnError(response.status, refusal ?? {}, retryAfterOf(response));
}

/** Retry-After in seconds (RFC 9110 section 10.2.3); Keyturn never answers a date. */
function retryAfterOf({ headers }: Response): number | undefined {
  const text = headers.get('Retry-After');
  return text && /^\d+$/.test(text) ? Number(text) : undefined;
}
