import type { Db, Tx } from '../../db/database.ts';
import type { UserId } from '../../kit/id.ts';
import type { MailKind } from './mail.ts';

type Tables = {
  outbox_mails: {
    id: string;
    user_id: UserId | null;
    kind: MailKind;
    recipient: string;
    sealed: string;
    created_at: Date;
    expires_at: Date;
    attempts: number;
    next_attempt_at: Date;
  };
};

const tables = (db: Db) => db.$extendTables<Tables>();

/** A mail that waits to be sent. */
export interface WaitingMail {
  readonly id: string;
  readonly userId: UserId | null;
  readonly kind: MailKind;
  readonly recipient: string;
  /** What it says, sealed. */
  readonly sealed: string;
  readonly createdAt: Date;
  /** When there is no more use in sending it. */
  readonly expiresAt: Date;
}

/** Stores a new mail, to be sent at once. */
export async function insertMail(tx: Tx, mail: WaitingMail): Promise<void> {
  await tables(tx)
    .insertInto('outbox_mails')
    .values({
      id: mail.id,
      user_id: mail.userId,
      kind: mail.kind,
      recipient: mail.recipient,
      sealed: mail.sealed,
      created_at: mail.createdAt,
      expires_at: mail.expiresAt,
      attempts: 0,
      next_attempt_at: mail.createdAt,
    })
    .execute();
}

/** Drops the unsent mails of a user, of some kinds or all: those whose links are void now. */
export async function dropUnsentMail(
  tx: Tx,
  userId: UserId,
  kinds?: readonly MailKind[],
): Promise<void> {
  const all = tables(tx).deleteFrom('outbox_mails').where('user_id', '=', userId);
  await (kinds ? all.where('kind', 'in', kinds) : all).execute();
}

/** Drops every unsent mail: of a restored database, some were sent before and all links are void. */
export async function dropAllUnsentMail(tx: Tx): Promise<void> {
  await tables(tx).deleteFrom('outbox_mails').execute();
}

/** A mail that this process has taken on, until its lease ends. */
export interface ClaimedMail extends WaitingMail {
  /** How often it was tried, this time included; names the claim. */
  readonly attempts: number;
}

/** How many mails have not been sent, and since when the oldest of them waits. */
export async function readBacklog(db: Db): Promise<{ waiting: number; oldest: Date | null }> {
  return tables(db)
    .selectFrom('outbox_mails')
    .select((eb) => [
      eb.cast<number>(eb.fn.countAll(), 'integer').as('waiting'),
      eb.fn.min<Date | null>('created_at').as('oldest'),
    ])
    .executeTakeFirstOrThrow();
}

/** How many mails are due, counted up to `limit`. */
export async function countDueMail(db: Db, now: Date, limit: number): Promise<number> {
  const rows = await tables(db)
    .selectFrom('outbox_mails')
    .select('id')
    .where('next_attempt_at', '<=', now)
    .limit(limit)
    .execute();
  return rows.length;
}

/**
 * Takes on the mail that has been due the longest, in one statement. Nobody else gets it before
 * `leaseUntil`; after that it is due again, should this process have died.
 */
export async function claimMail(
  db: Db,
  now: Date,
  leaseUntil: Date,
): Promise<ClaimedMail | undefined> {
  const row = await tables(db)
    .updateTable('outbox_mails')
    .set((eb) => ({ attempts: eb('attempts', '+', 1), next_attempt_at: leaseUntil }))
    .where('id', '=', (eb) =>
      eb
        .selectFrom('outbox_mails')
        .select('id')
        .where('next_attempt_at', '<=', now)
        .orderBy('next_attempt_at')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst();
  return (
    row && {
      id: row.id,
      userId: row.user_id,
      kind: row.kind,
      recipient: row.recipient,
      sealed: row.sealed,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
      attempts: row.attempts,
    }
  );
}

/** Makes a claimed mail due at `at`; does nothing when somebody else has claimed it since. */
export async function postponeMail(
  db: Db,
  mail: Pick<ClaimedMail, 'id' | 'attempts'>,
  at: Date,
): Promise<void> {
  await tables(db)
    .updateTable('outbox_mails')
    .set({ next_attempt_at: at })
    .where('id', '=', mail.id)
    .where('attempts', '=', mail.attempts)
    .execute();
}

/** Removes mails that were sent, or given up. */
export async function deleteMails(db: Db, ids: readonly string[]): Promise<void> {
  await tables(db).deleteFrom('outbox_mails').where('id', 'in', ids).execute();
}
