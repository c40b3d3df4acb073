import type { ClaimedMail } from './store.ts';

/** A mail as it goes out. */
export interface OutgoingMail {
  readonly mail: Pick<ClaimedMail, 'id' | 'kind' | 'userId' | 'createdAt'>;
  /** Address of the sender. */
  readonly from: string;
  /** Address of the one recipient. */
  readonly to: string;
  /** The message with its headers (RFC 5322). */
  readonly message: Buffer;
}

/** A way out for several mails, one after another. */
export interface MailSession {
  /**
   * Resolves once the mail was taken, and tells what a log shall say of it.
   * @throws DeliveryFailure
   */
  send(mail: OutgoingMail): Promise<Readonly<Record<string, string>>>;
  /** Ends it at once; a mail that is under way fails. */
  close(): void;
}

/** Where mails go. */
export interface MailTransport {
  open(): Promise<MailSession>;
}

/** Why a mail was not taken. The message holds nothing of the mail, whose link is a secret. */
export class DeliveryFailure extends Error {
  override readonly name = 'DeliveryFailure';
  /** `refused`: this mail, for good. `later`: this mail, for now. `away`: any mail, for now. */
  readonly kind: 'refused' | 'later' | 'away';

  constructor(kind: DeliveryFailure['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
