import type { Tx } from '../../db/database.ts';
import { after, type Duration, earliest, seconds, times } from '../../kit/duration.ts';
import { newUuid } from '../../kit/id.ts';
import type { Mail, Recipient } from './mail.ts';
import { insertMail } from './store.ts';

/** Seals and opens what a mail says while it waits; `purpose` binds it to its row. */
export interface MailSealer {
  seal(text: string, purpose: string): Promise<string>;
  open(sealed: string, purpose: string): Promise<string>;
}

/** What putting a mail into the outbox takes. */
export interface OutboxDeps {
  readonly sealer: MailSealer;
  /** Has the outbox looked at now; called after the commit, never waited for, never throws. */
  hurry(): void;
}

/** How long a mail is tried at most. */
const PATIENCE: Duration = times(24, seconds(3600));

/** What the sealed text of a row is bound to. */
export const mailPurpose = (id: string): string => `mail ${id}`;

/**
 * Puts a mail into the outbox, in the transaction that makes it necessary: nothing is sent before
 * that commits. One INSERT. Afterwards call `hurry`; without it the mail goes within seconds.
 */
export async function enqueueMail(
  tx: Tx,
  deps: Pick<OutboxDeps, 'sealer'>,
  to: Recipient,
  mail: Mail,
  now: Date,
): Promise<void> {
  const id = newUuid(now);
  const giveUpAt = after(now, PATIENCE);
  const content = { name: to.verified ? to.name : null, mail };
  await insertMail(tx, {
    id,
    userId: to.userId,
    kind: mail.kind,
    recipient: to.email,
    sealed: await deps.sealer.seal(JSON.stringify(content), mailPurpose(id)),
    createdAt: now,
    expiresAt: 'link' in mail ? earliest(mail.expiresAt, giveUpAt) : giveUpAt,
  });
}
