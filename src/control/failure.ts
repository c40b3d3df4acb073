import { DatabaseBusyError } from '../db/directory-lock.ts';
import { refusalOfUrl } from '../db/errors.ts';
import { DatabaseTooOldError } from '../db/server-check.ts';
import { KeyCommandRefused } from '../issuer/keys/commands.ts';
import { KeyTrouble } from '../issuer/keys/errors.ts';
import { AppError, type FieldError, reasonOf, unavailable } from '../kit/errors.ts';
import { UnusableDirectory } from '../kit/make-directory.ts';
import { JwksFault } from '../resource-server/jwks-fault.ts';

/** Why an operation was not done, in a form that crosses the socket and prints under `--json`. */
export interface Failure {
  readonly code: string;
  readonly detail: string;
  /** ISO 8601; absent when time does not help. */
  readonly retry_at?: string;
  /** Where what was handed in is wrong. */
  readonly errors?: readonly FieldError[];
  /** What the command exits with. */
  readonly status: number;
}

/** There is no database yet where a command was to find one. */
export class NotSetUp extends Error {
  override readonly name = 'NotSetUp';

  constructor(dataDir: string) {
    super(
      `There is no database in ${dataDir}. Set DATA_DIR or DATABASE_URL as for the server; for a ` +
        'new database start the server once, or run: keyturn migrate.',
    );
  }
}

/** The private listener could not be opened; the cause is what listening threw. */
export class PrivateListenerError extends Error {
  override readonly name = 'PrivateListenerError';

  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** A command names a user, a session or the like that is not there. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
  /** Stable snake_case name. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Exit statuses, those of sysexits.h where it has one. */
export const DONE = 0;
export const FAILED = 1;
export const USAGE_ERROR = 2;
export const TRY_AGAIN = 75;
export const BAD_CONFIGURATION = 78;

/** The code of what no operator is known to mend: only where it arose says more. */
export const UNFORESEEN = 'failed';

/** Refusals that no waiting mends. */
const FINAL: ReadonlySet<string> = new Set([
  'unknown_kid',
  'no_keys',
  'database_restored',
  'key_encryption_key_unread',
]);

/**
 * What the system says of a name or an address that is none of this machine's, by who was asked.
 * Workers have their listener opened for them, which is a `bind`.
 */
const ADDRESSLESS: ReadonlySet<string> = new Set([
  'getaddrinfo ENOTFOUND',
  ...['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].flatMap((code) => [
    `listen ${code}`,
    `bind ${code}`,
  ]),
]);

/** SQLSTATE of a statement that names a table which is not there. */
export const UNDEFINED_TABLE = '42P01';
const noTable = (said: string): string =>
  `The database lacks a table of Keyturn (${said}). Start the server once, or run: keyturn migrate. ` +
  'Where that was done, the database was not restored whole.';

/** SQLSTATE of a statement that its role may not make. */
const INSUFFICIENT_PRIVILEGE = '42501';
const noRight = (said: string): string =>
  `The role in DATABASE_URL may not do this (${said}). Where this release is newer than the database, ` +
  'run keyturn migrate as the owner of its tables first; else grant the role what ' +
  'docs/operations.md names.';

/** What a thrown thing is to whoever ran a command: a message that helps, and an exit status. */
export function describeFailure(error: unknown): Failure {
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof KeyCommandRefused) {
    return {
      code: error.code,
      detail,
      ...(error.retryAt && { retry_at: error.retryAt.toISOString() }),
      status: FINAL.has(error.code) ? FAILED : TRY_AGAIN,
    };
  }
  if (error instanceof KeyTrouble)
    return { code: 'key_trouble', detail, status: BAD_CONFIGURATION };
  if (error instanceof DatabaseTooOldError) {
    return { code: 'database_too_old', detail, status: BAD_CONFIGURATION };
  }
  if (error instanceof UnusableDirectory) {
    if (error.full) return failed('disk_full', detail);
    return { code: 'directory_unusable', detail, status: BAD_CONFIGURATION };
  }
  if (error instanceof DatabaseBusyError) {
    return { code: 'database_busy', detail, status: TRY_AGAIN };
  }
  if (error instanceof AppError && error.spec === unavailable) {
    const refusal = refusalOfUrl(error);
    if (refusal !== undefined) {
      return {
        code: 'database_refused',
        detail: `PostgreSQL lets nobody in by this DATABASE_URL: ${refusal}`,
        status: BAD_CONFIGURATION,
      };
    }
    const reason = reasonOf(error);
    return {
      code: 'unavailable',
      detail: reason === undefined ? detail : `${detail} (${reason})`,
      status: TRY_AGAIN,
    };
  }
  if (error instanceof AppError) {
    const { fields } = error.extras;
    return { ...failed(error.code, detail), ...(fields && { errors: fields }) };
  }
  if (error instanceof JwksFault) return failed('jwks_unusable', detail);
  if (error instanceof NotThere) return failed(error.code, detail);
  if (error instanceof NotSetUp) return failed('database_not_set_up', detail);
  const cause = error instanceof PrivateListenerError ? error.cause : error;
  const { code, syscall, port: place } = (cause ?? {}) as NodeJS.ErrnoException & { port?: number };
  if (code === UNDEFINED_TABLE) return failed('database_not_set_up', noTable(detail));
  if (code === INSUFFICIENT_PRIVILEGE) return failed('database_forbidden', noRight(detail));
  // Node.js gives -1 as the port of a path.
  if (syscall === 'listen' && place !== undefined && place < 0) {
    return failed(
      'control_socket_unusable',
      `Commands cannot be taken: ${detail}. Set DATA_DIR or TMPDIR to a short path where sockets can be made.`,
    );
  }
  const [host, port] =
    error instanceof PrivateListenerError ? ['ADMIN_HOST', 'ADMIN_PORT'] : ['HOST', 'PORT'];
  if (ADDRESSLESS.has(`${syscall} ${code}`)) {
    const fault = `${host}: ${detail}. Set it to an address of this machine, such as 127.0.0.1.`;
    return { code: 'address_unusable', detail: fault, status: BAD_CONFIGURATION };
  }
  // EACCES also comes from files, whose message names the path.
  if (syscall !== 'listen' && syscall !== 'bind') return failed(UNFORESEEN, detail);
  switch (code) {
    case 'EADDRINUSE':
      return failed(
        'address_in_use',
        `${detail}. Something listens there, another Keyturn perhaps: stop it, or set ${port} to another.`,
      );
    case 'EACCES':
      return failed(
        'address_forbidden',
        `${detail}. Set ${host} and ${port} to where this user may listen.`,
      );
    default:
      return failed(UNFORESEEN, detail);
  }
}

const failed = (code: string, detail: string): Failure => ({ code, detail, status: FAILED });
