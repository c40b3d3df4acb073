import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { after, type Duration, seconds } from '../../kit/duration.ts';
import type { Logger } from '../../kit/log.ts';
import { afterFailure } from './machine.ts';
import { type MailContent, type MessageSettings, renderMessage } from './message.ts';
import { type MailSealer, mailPurpose } from './outbox.ts';
import { type ClaimedMail, claimMail, countDueMail, deleteMails, postponeMail } from './store.ts';
import { DeliveryFailure, type MailSession, type MailTransport } from './transport.ts';

/** What delivering takes. */
export interface PostmanDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly sealer: MailSealer;
  readonly transport: MailTransport;
  readonly settings: MessageSettings;
  readonly patience?: Patience;
}

/** How long sending one mail may take. */
export interface Patience {
  /** At the longest, however slowly the server answers. */
  readonly attempt: Duration;
  /** What is left of it once this process is told to stop. */
  readonly grace: Duration;
  /** How soon it looks for more that is due, while one hangs. */
  readonly look: Duration;
}

/** Delivers what is in the outbox. */
export interface Postman {
  /**
   * Sends all that is due. After `signal` no more is begun, and what is under way has a moment
   * left. What is not taken is due again later.
   */
  deliver(signal: AbortSignal): Promise<void>;
}

/** Mails at a time. */
const LANES = 5;
const PATIENCE: Patience = { attempt: seconds(150), grace: seconds(3), look: seconds(2) };
/** How long a mail is nobody else's, longer than any attempt; a crash delays it by as much. */
const LEASE = seconds(180);

/** Makes a postman; one a process. */
export function createPostman(deps: PostmanDeps): Postman {
  const { db } = deps.database;
  const { clock, log, patience = PATIENCE } = deps;
  /** Mails that are done with but could not be deleted: not to be sent again, whatever it takes. */
  const done = new Set<string>();
  let away = false;

  const finish = async ({ id }: ClaimedMail) => {
    done.add(id);
    await deleteMails(db, [...done]);
    done.delete(id);
  };

  const giveUp = async (mail: ClaimedMail, reason: string, why?: string) => {
    log.error({ ...namesOf(mail), reason, why }, 'mail given up');
    await finish(mail);
  };

  const failed = async (mail: ClaimedMail, failure: DeliveryFailure) => {
    const decision = afterFailure(mail, failure.kind === 'refused', clock.now());
    if (decision.kind === 'give_up') return giveUp(mail, decision.reason, failure.message);
    if (failure.kind === 'later') {
      log.warn({ ...namesOf(mail), why: failure.message, retry_at: decision.at }, 'mail delayed');
    } else if (!away) {
      // One line an outage, not one a mail.
      log.warn({ why: failure.message }, 'mails wait: where they go to is not to be reached');
    }
    away ||= failure.kind === 'away';
    await postponeMail(db, mail, decision.at);
  };

  /** @returns false when no other mail would fare better */
  const attempt = async (session: MailSession, mail: ClaimedMail): Promise<boolean> => {
    if (mail.expiresAt <= clock.now()) {
      await giveUp(mail, 'expired');
      return true;
    }
    const content = await open(deps.sealer, mail);
    if (!content) {
      await giveUp(mail, 'unreadable', 'what is kept of it does not open');
      return true;
    }
    const outgoing = await renderMessage(deps.settings, mail, content);
    try {
      const taken = await session.send(outgoing);
      if (away) log.info('mails go out again');
      away = false;
      log.info({ ...namesOf(mail), ...taken }, 'file' in taken ? 'mail written' : 'mail sent');
    } catch (error) {
      if (!(error instanceof DeliveryFailure)) throw error;
      await failed(mail, error);
      return error.kind !== 'away';
    }
    await finish(mail);
    return true;
  };

  const lane = async (signal: AbortSignal) => {
    const session = await deps.transport.open();
    try {
      for (;;) {
        const now = clock.now();
        const mail = signal.aborted ? undefined : await claimMail(db, now, after(now, LEASE));
        if (!mail || !(await within(patience, signal, session, () => attempt(session, mail))))
          return;
      }
    } finally {
      session.close();
    }
  };

  return {
    async deliver(signal) {
      if (done.size > 0) {
        await deleteMails(db, [...done]);
        done.clear();
      }
      let lanes = 0;
      const open = async (): Promise<unknown> => {
        const due = lanes < LANES ? await countDueMail(db, clock.now(), LANES - lanes) : 0;
        lanes += due;
        const opened = Array.from({ length: due }, () => lane(signal).finally(() => lanes--));
        return settleAll(opened);
      };
      let all = open();
      // A mail that hangs holds up none that becomes due meanwhile.
      while (!(await settles(all, patience.look))) all = settleAll([all, open()]);
      await all;
    },
  };
}

/** What a log says of a mail: never its link, nor the address. */
const namesOf = ({ id, kind, userId }: ClaimedMail) => ({ mail: id, kind, user_id: userId });

/** What a mail says; undefined when it does not open. */
async function open(sealer: MailSealer, mail: ClaimedMail): Promise<MailContent | undefined> {
  try {
    const { name, mail: said } = JSON.parse(await sealer.open(mail.sealed, mailPurpose(mail.id)));
    return { name, mail: 'link' in said ? { ...said, expiresAt: new Date(said.expiresAt) } : said };
  } catch {
    return undefined;
  }
}

/** Waits for all of them, then fails as the first that did. */
async function settleAll(works: readonly Promise<unknown>[]): Promise<void> {
  for (const one of await Promise.allSettled(works)) {
    if (one.status === 'rejected') throw one.reason;
  }
}

/** Whether a work is over within a time, well or not. */
async function settles(work: Promise<unknown>, time: Duration): Promise<boolean> {
  const over = new AbortController();
  const { signal } = over;
  const late = sleep(time, false, { signal, ref: false }).catch(() => true);
  const done = work.then(
    () => true,
    () => true,
  );
  return Promise.race([done, late]).finally(() => over.abort());
}

/** Does `work`, and closes the session when it takes too long. */
async function within<T>(
  { attempt, grace }: Patience,
  signal: AbortSignal,
  session: MailSession,
  work: () => Promise<T>,
): Promise<T> {
  const close = () => session.close();
  const closeIn = (time: Duration) => setTimeout(close, time).unref();
  const timers = [closeIn(attempt)];
  const hasten = () => void timers.push(closeIn(grace));
  if (signal.aborted) hasten();
  else signal.addEventListener('abort', hasten);
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', hasten);
    timers.forEach(clearTimeout);
  }
}
