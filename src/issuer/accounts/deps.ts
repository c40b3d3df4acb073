import type { Database, Tx } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import type { RecordingDeps } from '../audit/recording.ts';
import type { RecordEvent } from '../audit/trail.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Limits } from '../limits/limits.ts';
import type { OutboxDeps } from '../mail/outbox.ts';
import type { Caller } from '../sessions/bearer.ts';
import type { CommonPasswords } from '../users/common-passwords.ts';
import type { Hasher } from '../users/hasher.ts';
import { checkNewPassword } from '../users/password.ts';

/** What mailing a link needs. */
export interface LinkDeps {
  readonly outbox: OutboxDeps;
  /** The issuer's URL, with which every link begins. */
  readonly issuer: string;
}

/** What an account's orchestrators need. */
export interface AccountDeps extends LinkDeps, RecordingDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly clock: Clock;
  readonly hasher: Pick<Hasher, 'hash' | 'verify'>;
  /** Asked before a mailed link is looked at: in a database that was restored, void ones are good. */
  readonly keyring: Pick<Keyring, 'requireSigner'>;
  readonly record: RecordEvent;
  readonly limits: Pick<
    Limits,
    'take' | 'takeMail' | 'tryPassword' | 'noteNetwork' | 'noteReset' | 'forget'
  >;
  readonly passwordMinLength: number;
  readonly commonPasswords: CommonPasswords;
}

/** A signed-in user who acts on their own account. */
export type Owner = Pick<Caller, 'userId' | 'sessionId'>;

/** A change of a user as it happens: its transaction, how it records, and when. */
export interface Change {
  readonly tx: Tx;
  readonly record: RecordEvent;
  readonly now: Date;
}

/** Checks a password that is about to be set. @throws AppError `weak_password`, `invalid_request` */
export const requireGoodPassword = (
  deps: Pick<AccountDeps, 'passwordMinLength' | 'commonPasswords'>,
  password: string,
  field: string,
): void =>
  checkNewPassword(password, {
    minLength: deps.passwordMinLength,
    common: deps.commonPasswords,
    field,
  });
