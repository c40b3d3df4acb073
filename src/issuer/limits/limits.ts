import type { Tx } from '../../db/database.ts';
import type { RateLimitHeaders } from './headers.ts';
import type { BucketAction, PasswordAction } from './policy.ts';

/** Where a call comes from; an event's `RequestOrigin` is one. */
export interface Source {
  readonly address: string;
  readonly userAgent: string | null;
  readonly requestId: string;
}

/** What keeps floods and guesses out; the buckets are shared by all replicas. */
export interface Limits {
  /**
   * Counts a call in the bucket of its network and, with an account, in those of the account: from
   * this network, and from all that it never logged in from. One statement, or none while a
   * refusal is remembered.
   * @param who.account an email address in canonical form, whether or not anybody has it
   * @returns headers for the answer; undefined while there are no limits
   * @throws AppError `rate_limited`
   */
  take(
    action: BucketAction,
    who: { readonly origin: Source; readonly account?: string | undefined },
    now: Date,
  ): Promise<RateLimitHeaders | undefined>;
  /**
   * Counts what somebody signed in has mailed to their own address, and to another. One statement,
   * or none while a refusal is remembered.
   * @param who.account the own address in canonical form
   * @param who.recipient the other one, whose owner may know nothing of it
   * @throws AppError `rate_limited`
   */
  takeMail(
    who: {
      readonly origin: Source;
      readonly account: string;
      readonly recipient?: string | undefined;
    },
    now: Date,
  ): Promise<void>;
  /**
   * Asks whether a password may be tried, before anything is hashed; in one statement.
   * @param who.account the account's address in canonical form, whether or not anybody has it
   * @throws AppError `rate_limited`
   */
  tryPassword(
    action: PasswordAction,
    who: { readonly origin: Source; readonly account: string },
    now: Date,
  ): Promise<PasswordTry>;
  /**
   * Notes that an account was opened from here, by its password or by a mailed link, and ends the
   * runs of wrong passwords here and over all networks; in the transaction that opens it. Those of
   * other networks go on.
   */
  noteNetwork(
    tx: Tx,
    who: { readonly origin: Source; readonly account: string },
    now: Date,
  ): Promise<void>;
  /**
   * Notes that a mailed link has set another password from here: as `noteNetwork`, and networks that
   * were known are no more, with their runs of wrong passwords. Those who guessed wait on.
   */
  noteReset(
    tx: Tx,
    who: { readonly origin: Source; readonly account: string },
    now: Date,
  ): Promise<void>;
  /**
   * Forgets an account's wrong passwords and networks: of the address that it had before a
   * completed change, or was deleted with. In the transaction that does it.
   */
  forget(tx: Tx, account: string): Promise<void>;
}

/**
 * A password that may be tried. Call `wrong` or, unless all is settled, `right` once it has been;
 * neither when it was not.
 */
export interface PasswordTry {
  /** Headers for the answer; undefined while there are no limits. */
  readonly headers: RateLimitHeaders | undefined;
  /** Counts a wrong password, of whichever call, known account or not. */
  wrong(now: Date): Promise<void>;
  /** Whether there is nothing for `right` to write: most often so. */
  isSettled(now: Date): boolean;
  /**
   * The password was right and let its owner in: ends the run and remembers the network, in the
   * transaction that opens a session or does what was asked.
   */
  right(tx: Tx, now: Date): Promise<void>;
}
