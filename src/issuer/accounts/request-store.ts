import type { Db, Tx } from '../../db/database.ts';
import { execute } from '../../db/statement.ts';
import { newUuid } from '../../kit/id.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import type { PasswordHash } from '../users/argon2-hash.ts';

/** What somebody wants of an address that may or may not have an account. */
export type AccountRequest =
  | { readonly kind: 'reset_password' | 'verify_email'; readonly email: string }
  | {
      readonly kind: 'register';
      readonly email: string;
      readonly name: string;
      readonly passwordHash: PasswordHash;
    };

/** A request that waits for its answer by mail. */
export type WaitingRequest = AccountRequest & {
  readonly id: string;
  readonly createdAt: Date;
  readonly origin: RequestOrigin;
};

interface Row {
  id: string;
  kind: AccountRequest['kind'];
  email: string;
  name: string | null;
  password_hash: PasswordHash | null;
  created_at: Date;
  address: string;
  user_agent: string | null;
  request_id: string;
}

const INSERT = `INSERT INTO account_requests
  (id, kind, email, name, password_hash, created_at, address, user_agent, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

/** Keeps a request: the one thing that is done before it is answered, whatever the address. */
export async function insertRequest(
  db: Db,
  request: AccountRequest,
  origin: RequestOrigin,
  now: Date,
): Promise<void> {
  const registers = request.kind === 'register';
  await execute(db, INSERT, [
    newUuid(now),
    request.kind,
    request.email,
    registers ? request.name : null,
    registers ? request.passwordHash : null,
    now,
    origin.address,
    origin.userAgent,
    origin.requestId,
  ]);
}

const FIND_NEXT = `SELECT id FROM account_requests
WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT 1`;

/** The request that came first after another one. */
export async function nextRequest(db: Db, after: string | null): Promise<string | undefined> {
  return (await execute<{ id: string }>(db, FIND_NEXT, [after])).rows[0]?.id;
}

const FIND_REGISTRATIONS = `SELECT id FROM account_requests
WHERE email = $1 AND kind = 'register' ORDER BY id`;

/** The registrations of an address that wait, in order of arrival. */
export async function registrationsOf(db: Db, email: string): Promise<string[]> {
  return (await execute<{ id: string }>(db, FIND_REGISTRATIONS, [email])).rows.map(({ id }) => id);
}

const TAKE = `DELETE FROM account_requests WHERE id IN (
  SELECT id FROM account_requests WHERE id = $1 FOR UPDATE SKIP LOCKED) RETURNING *`;

/** Takes a request out, in the transaction that answers it; undefined when somebody else did. */
export async function takeRequest(tx: Tx, id: string): Promise<WaitingRequest | undefined> {
  const row = (await execute<Row>(tx, TAKE, [id])).rows[0];
  return row && toRequest(row);
}

function toRequest(row: Row): WaitingRequest {
  const { id, kind, email, name, password_hash: passwordHash } = row;
  const origin = { address: row.address, userAgent: row.user_agent, requestId: row.request_id };
  const common = { id, email, createdAt: row.created_at, origin };
  if (kind !== 'register') return { ...common, kind };
  if (name === null || passwordHash === null) throw new Error('a registration lacks its fields');
  return { ...common, kind, name, passwordHash };
}

const DROP_OF = `DELETE FROM account_requests WHERE id IN (
  SELECT id FROM account_requests WHERE email = $1 FOR UPDATE SKIP LOCKED)`;

/**
 * Drops what somebody wants of an address, whose account is being deleted. One that is being
 * answered just now is left: it waits for the user's row, which this transaction holds.
 */
export async function dropRequestsOf(tx: Tx, email: string): Promise<void> {
  await execute(tx, DROP_OF, [email]);
}

/** Drops every request. */
export async function dropAllRequests(tx: Tx): Promise<void> {
  await execute(tx, 'DELETE FROM account_requests');
}

const DROP = `DELETE FROM account_requests WHERE id IN (
  SELECT id FROM account_requests WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`;

/** Drops requests from before an instant, which failed again and again. @returns how many */
export async function dropRequests(db: Db, before: Date, limit: number): Promise<number> {
  return (await execute(db, DROP, [before, limit])).affected;
}
