import type { UserId } from '../../kit/id.ts';

/** A mail whose link does something to the account; the link carries a token. */
export type LinkMailKind =
  | 'verify_email'
  | 'set_password'
  | 'reset_password'
  | 'confirm_email_change';

/** A mail that tells what happened to the account. */
export type NoticeKind =
  | 'password_changed'
  | 'password_reset'
  | 'email_changed'
  | 'email_change_requested'
  | 'account_exists'
  | 'account_deleted';

/** A mail that the outbox can send; `templates.ts` says what each reads like. */
export type Mail =
  | { readonly kind: LinkMailKind; readonly link: string; readonly expiresAt: Date }
  | { readonly kind: NoticeKind };

/** Which mail it is. */
export type MailKind = Mail['kind'];

/** Who gets a mail. */
export interface Recipient {
  /** The stored address, in canonical form. */
  readonly email: string;
  readonly name: string;
  /** The account it is about; null where that is gone when the mail is sent. */
  readonly userId: UserId | null;
  /**
   * Whether the address is known to be this person's. Only then is the name in the mail: else
   * a stranger could register somebody's address and write to them by it.
   */
  readonly verified?: boolean;
}
