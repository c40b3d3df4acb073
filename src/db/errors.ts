import { AppError, unavailableError } from '../kit/errors.ts';

/**
 * A statement the database refused. It carries the SQLSTATE and the constraint's name, and
 * never a row's values or the parameters, which the drivers put into their own errors.
 */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  /** The SQLSTATE, five characters. */
  readonly code: string;
  /** The constraint that was violated, where there is one. */
  readonly constraint: string | undefined;

  constructor(code: string, message: string, constraint?: string) {
    super(message);
    this.code = code;
    this.constraint = constraint;
  }
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The connection or the server behind it is of no more use: SQLSTATEs, or classes of them. */
const LOST = ['08', '57P01', '57P02', '57P03', '57P05', '25P03', '25006', '26000', '42P05'];

/** The server is there and may well answer the next time: out of means, a timeout, a deadlock. */
const BUSY = ['53', '58', '55P03', '57014', '40001', '40P01'];

/** What `pg` says without a code, when a connection ends or does not come to be. */
const DRIVER_LOST =
  /^(Connection terminated|Client has encountered|Client was closed|Query read timeout|timeout expired)/;

/** A field of an error, when it is text. */
function text(error: unknown, field: 'code' | 'message' | 'constraint' | 'routine' | 'syscall') {
  if (typeof error !== 'object' || error === null) return undefined;
  const value = (error as Record<string, unknown>)[field];
  return typeof value === 'string' ? value : undefined;
}

/** The SQLSTATE of a driver's error. System errors have codes as well: EPIPE even looks like one. */
function sqlState(error: unknown): string | undefined {
  const code = text(error, 'code');
  if (code === undefined || text(error, 'syscall') !== undefined) return undefined;
  return SQLSTATE.test(code) ? code : undefined;
}

const matches = (code: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => code.startsWith(prefix));

/**
 * Whether a driver's error means that the connection, and likely every other one to this server,
 * should be given up: it is cut, hangs, goes down or has become read-only.
 */
export function isConnectionLost(error: unknown): boolean {
  const code = sqlState(error);
  if (code === undefined) {
    if (text(error, 'syscall') !== undefined) return true;
    if (text(error, 'code')?.startsWith('ERR_STREAM_')) return true;
    return DRIVER_LOST.test(text(error, 'message') ?? '');
  }
  // A migration changed a table under a prepared statement: its plan is stale on each connection.
  if (code === '0A000') return text(error, 'routine') === 'RevalidateCachedQuery';
  return matches(code, LOST);
}

/** The driver's error without anything that a log must not hold; errors without SQLSTATE as is. */
export function stripped(error: unknown): unknown {
  const code = sqlState(error);
  if (code === undefined) return error;
  // Class 22 (data exceptions) quotes the value in the message itself.
  const message = code.startsWith('22')
    ? `data exception ${code}: a value does not fit its type`
    : (text(error, 'message') ?? code);
  return new StatementError(code, message, text(error, 'constraint'));
}

/** The 503 for a database that does not answer; `cause` goes to the log, stripped. */
export const databaseAway = (cause: unknown): AppError =>
  unavailableError('The database is not available at the moment.', 1, stripped(cause));

/** Who and what a server refuses to let in: user, password, database (SQLSTATE 28 and 3D), TLS. */
const TURNED_AWAY = ['28', '3D'];
const NO_TLS = /does not support SSL|certificate|SSL alert|wrong version number/i;

/**
 * Why a database that is away turns us down, where that is for what `DATABASE_URL` says; undefined
 * where it may just be away. @param error a `databaseAway`, or what a driver threw
 */
export function refusalOfUrl(error: unknown): string | undefined {
  const cause = error instanceof AppError ? error.extras.cause : error;
  const code = sqlState(cause);
  const message = text(cause, 'message');
  if (code !== undefined) return matches(code, TURNED_AWAY) ? message : undefined;
  return message !== undefined && NO_TLS.test(message) ? message : undefined;
}

/** What leaves this room for a driver's error: a 503 where waiting helps, else the error stripped. */
export function translated(error: unknown): unknown {
  const code = sqlState(error);
  if (isConnectionLost(error) || (code !== undefined && matches(code, BUSY))) {
    return databaseAway(error);
  }
  return stripped(error);
}

/** Whether an error is a unique violation (SQLSTATE 23505), of that constraint when one is named. */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  text(error, 'code') === '23505' &&
  (constraint === undefined || text(error, 'constraint') === constraint);

/** Whether an error says that the engine does not know what a statement asks of it (0A000). */
export const isNotSupported = (error: unknown): boolean => text(error, 'code') === '0A000';
