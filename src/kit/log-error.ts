import { withSources } from './bundle.ts';

/** How far a chain of causes is followed. */
const MAX_CAUSES = 5;

/** What a log keeps of an error. */
interface LoggedError {
  readonly type: string;
  readonly message?: string;
  /** SQLSTATE, or Node's code. */
  readonly code?: string;
  /** The database constraint that was violated. */
  readonly constraint?: string;
  readonly stack?: string;
  readonly cause?: LoggedError;
}

/**
 * What tells where an error comes from and nothing that may hold input: no detail or parameters of
 * the database, no headers, no field of `AppError`. Something thrown that is no error keeps its
 * type, and its text when it is one.
 */
export function describeError(error: unknown, causes = MAX_CAUSES): LoggedError {
  if (typeof error === 'string') return { type: 'string', message: error };
  if (!(error instanceof Error)) return { type: error === null ? 'null' : typeof error };
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof constraint === 'string' ? { constraint } : {}),
    ...(typeof error.stack === 'string' ? { stack: withSources(error.stack) } : {}),
    ...(error.cause === undefined || causes === 0
      ? {}
      : { cause: describeError(error.cause, causes - 1) }),
  };
}
