import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../db/database.ts';
import type { Clock } from '../kit/clock.ts';
import { before, type Duration, seconds, times } from '../kit/duration.ts';
import type { Logger } from '../kit/log.ts';
import type { Trail } from './audit/trail.ts';
import { type HousekeepingDeps, keepHouse } from './housekeeping.ts';
import { NEXT_NOT_VISIBLE } from './keys/commands.ts';
import type { Keyring } from './keys/keyring.ts';
import type { SelfCheck } from './keys/self-check.ts';
import { erasePrivateKeys } from './keys/store.ts';
import { carryOut, KEYS_CHANNEL, type TransitionDeps } from './keys/transition.ts';
import type { Postman } from './mail/postman.ts';

/** What the jobs need. */
export interface JobDeps extends TransitionDeps {
  readonly database: TransitionDeps['database'] & Pick<Database, 'listen'>;
  readonly keyring: Pick<Keyring, 'poll' | 'canSign'>;
  readonly postman: Postman;
  readonly trail: Trail;
  readonly policy: TransitionDeps['policy'] & HousekeepingDeps['policy'];
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly answerRequests: () => Promise<void>;
  /** Absent where nobody has to be told of users who are gone. */
  readonly passOnDeletions?: (() => Promise<void>) | undefined;
  /** Absent where it is switched off. */
  readonly selfCheck?: SelfCheck | undefined;
}

/** Work that comes back by itself until it is stopped. */
interface Stoppable {
  /** Starts no more work and waits for what is under way. */
  stop(): Promise<void>;
}

/** The jobs of the issuer. */
export interface Jobs extends Stoppable {
  /** Has the mails sent that are due, at once. */
  sendMail(): void;
}

/** A job that can be asked to come sooner. */
interface Job extends Stoppable {
  /** Works at once, or again at once when it is at work. */
  hurry(): void;
}

const MINUTE = seconds(60);
const HOUR = seconds(3600);
/** Soon enough after a start, and late enough that it listens and is found by its proxy. */
const FIRST = seconds(2);
/** How soon a mail goes that another process has put into the outbox. */
const MAIL = seconds(5);

/** How soon events are stored that waited for the database. */
const AUDIT = seconds(2);
/** Between two batches of what is deleted: others come first. */
const BREATH = 100;

/** How soon a request is looked at that is answered by mail. */
const ANSWER = seconds(1);

/** Starts the only timers of the issuer. */
export function startJobs(deps: JobDeps): Jobs {
  const { database, keyring, log, policy, selfCheck } = deps;
  const stopping = new AbortController();
  // Four times in a lease: a few failed readings do not stop the signing.
  const quarter = times(0.25, policy.keyLease);
  const reading = every(log, 'read the signing keys', quarter, quarter, keyring.poll);
  // A database that was restored holds mails that were sent before, and links that are void.
  const sending = every(log, 'send mails', MAIL, FIRST, async () => {
    if (keyring.canSign()) await deps.postman.deliver(stopping.signal);
  });
  // Never hurried: what is done for a request must not be felt by whoever has just made it.
  const answering = every(log, 'answer requests by mail', ANSWER, FIRST, async () => {
    if (keyring.canSign()) await deps.answerRequests();
  });
  const { passOnDeletions } = deps;
  const jobs = [
    reading,
    sending,
    answering,
    ...(passOnDeletions
      ? [every(log, 'pass on which users are gone', MINUTE, FIRST, passOnDeletions)]
      : []),
    every(log, 'rotate the signing keys when due', MINUTE, FIRST, rotation(deps)),
    every(log, 'erase private keys that no longer sign', MINUTE, MINUTE, () =>
      erasePrivateKeys(database.db, before(deps.clock.now(), policy.keyLease)),
    ),
    every(log, 'store audit events', AUDIT, AUDIT, deps.trail.flush),
    every(log, 'delete what is of no more use', HOUR, MINUTE, () =>
      keepHouse(deps, () => sleep(BREATH, true, { signal: stopping.signal }).catch(() => false)),
    ),
    ...(selfCheck
      ? [every(log, 'check the own JWKS', MINUTE, FIRST, () => selfCheck.run(stopping.signal))]
      : []),
    database.listen(KEYS_CHANNEL, reading.hurry),
  ];
  return {
    sendMail: sending.hurry,
    async stop() {
      stopping.abort();
      await Promise.all(jobs.map((job) => job.stop()));
    },
  };
}

/** Rotates when due, and says once when it may not. */
function rotation(deps: JobDeps): () => Promise<void> {
  let blocked = false;
  return async () => {
    const outcome = await carryOut(deps, { kind: 'tick' });
    const hidden = outcome.kind === 'refuse' && outcome.reason === 'next_not_visible';
    if (hidden && !blocked) deps.log.warn(`signing keys not rotated: ${NEXT_NOT_VISIBLE}`);
    blocked = hidden;
    if (outcome.kind === 'change') {
      deps.log.info({ published: outcome.publish.length }, 'signing keys rotated');
      await deps.keyring.poll();
    }
  };
}

/** Does `work` after `first`, then `interval` after it last ended, never twice at a time. */
function every(
  log: JobDeps['log'],
  job: string,
  interval: Duration,
  first: Duration,
  work: () => Promise<void>,
): Job {
  let stopped = false;
  let failing = false;
  let working = false;
  let again = false;
  let running = Promise.resolve();
  let timer: NodeJS.Timeout;
  const schedule = (after: Duration) => {
    if (!stopped) timer = setTimeout(run, after).unref();
  };
  const run = () => {
    working = true;
    again = false;
    running = work()
      .then(() => {
        if (failing) log.info({ job }, 'a job works again');
        failing = false;
      })
      .catch((err: unknown) => {
        // One line an outage, not one a try.
        if (!failing) log.warn({ err, job }, 'a job failed; it is tried again');
        failing = true;
      })
      .finally(() => {
        working = false;
        schedule(again ? seconds(0) : interval);
      });
  };
  schedule(first);
  return {
    hurry() {
      again = working;
      if (working) return;
      clearTimeout(timer);
      schedule(seconds(0));
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
