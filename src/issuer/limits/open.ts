import type { Database } from '../../db/database.ts';
import { after, type Duration, elapsed, seconds, times } from '../../kit/duration.ts';
import { AppError } from '../../kit/errors.ts';
import { hkdfSha256, hmacSha256 } from '../../kit/hmac.ts';
import { rateLimited } from './errors.ts';
import { type Quota, rateLimitHeaders, wholeSeconds } from './headers.ts';
import type { Limits, Source } from './limits.ts';
import { isSettled, judge, standing } from './machine.ts';
import { networkOf } from './network.ts';
import {
  FREE_FAILURES,
  type LimitedAction,
  LONGEST_WAIT,
  MAIL,
  type Rate,
  RUN_MEMORY,
  rules,
} from './policy.ts';
import { createMemory, oncePerMinute } from './refusals.ts';
import {
  type Bucket,
  countFailure,
  forgetAccount,
  forgetKnown,
  noteLogin,
  type Place,
  type Taken,
  takeForAccount,
  takeForPassword,
  takeOne,
} from './store.ts';

/** Which of an action's limits refused. */
export type Scope = 'network' | 'account' | 'password';

/** What limits are made from. */
export interface LimitsDeps {
  readonly database: Pick<Database, 'db'>;
  /** The same on every replica. The keys of rows are hashed with what is derived from it. */
  readonly secret: Buffer;
  /** Whether registering sends a mail. */
  readonly registerMails: boolean;
  /** Told of a refusal, at most once a minute for each bucket. */
  readonly onLimited: (action: LimitedAction, scope: Scope, origin: Source) => void;
}

/** Limits that let everything through. */
export const noLimits: Limits = {
  take: async () => undefined,
  takeMail: async () => {},
  tryPassword: async () => ({
    headers: undefined,
    wrong: async () => {},
    isSettled: () => true,
    right: async () => {},
  }),
  noteNetwork: async () => {},
  noteReset: async () => {},
  forget: async () => {},
};

/** Of the hashes that are keys in the database, in bytes. */
const KEY_LENGTH = 16;

/** A call that is limited. */
interface Call {
  readonly action: LimitedAction;
  readonly origin: Source;
  readonly now: Date;
}

interface Refusal {
  readonly key: Buffer;
  readonly scope: Scope;
  readonly detail: string;
  readonly quota: Quota;
}

interface NamedBucket extends Bucket {
  readonly scope: Scope;
  readonly name: string;
}

/** Makes the limits. They keep nothing of importance in memory. */
export function openLimits(deps: LimitsDeps): Limits {
  const { db } = deps.database;
  const table = rules(deps.registerMails);
  const secret = hkdfSha256(deps.secret, Buffer.alloc(0), Buffer.from('keyturn limits'));
  const refusals = createMemory();
  const isNews = oncePerMinute();

  const hash = (...parts: string[]): Buffer =>
    hmacSha256(secret, Buffer.from(parts.join('\0'))).subarray(0, KEY_LENGTH);
  const placeOf = (origin: Source, account: string): Place => ({
    account: hash('account', account),
    network: hash('network', networkOf(origin.address)),
  });

  const bucketOf = (action: LimitedAction, scope: Scope, rate: Rate, ...of: string[]) => ({
    key: hash(action, ...of),
    rate,
    scope,
    /** What headers call it. */
    name: `${action}-${scope}`,
  });

  function refuse({ action, origin, now }: Call, refusal: Refusal): never {
    const { scope, detail, quota } = refusal;
    if (isNews(refusal.key.toString('base64'), now)) deps.onLimited(action, scope, origin);
    const retryAfter = Math.max(1, wholeSeconds(quota.reset));
    const headers = rateLimitHeaders({ ...quota, reset: seconds(retryAfter) });
    throw new AppError(rateLimited, { detail, retryAfter, headers });
  }

  function refuseBucket(call: Call, bucket: NamedBucket, wait: Duration): never {
    const { key, scope } = bucket;
    const whose = scope === 'network' ? 'from this address' : 'for this account';
    const detail = `Too many requests of this kind ${whose}; try again later.`;
    const quota = { ...quotaOf(bucket), remaining: 0, reset: wait };
    return refuse(call, { key, scope, detail, quota });
  }

  /** Refuses without a statement what would be refused surely: buckets fill by time alone. */
  function refuseRemembered(call: Call, ...buckets: readonly NamedBucket[]): void {
    for (const bucket of buckets) {
      const until = refusals.until(bucket.key.toString('base64'), call.now);
      if (until) refuseBucket(call, bucket, elapsed(call.now, until));
    }
  }

  /** What is left of a bucket, or the refusal. */
  function settle(call: Call, bucket: NamedBucket, { allowed, fullAt }: Taken): Quota {
    const { remaining, wait, refill } = standing(bucket.rate, fullAt, call.now);
    if (allowed) return { ...quotaOf(bucket), remaining, reset: refill };
    if (wait > 0) {
      refusals.remember(bucket.key.toString('base64'), after(call.now, wait), call.now);
    }
    return refuseBucket(call, bucket, wait);
  }

  /** The refusal of a password that may not be tried now. */
  function refuseTry(call: Call, wait: Duration | undefined, key: Buffer): never {
    const detail =
      wait === undefined
        ? 'Too many wrong passwords for this account. Reset the password by mail, or log in from ' +
          'where it logged in before.'
        : 'Too many wrong passwords for this account from this address; try again later.';
    const limit = { name: 'password-tries', quota: FREE_FAILURES, window: RUN_MEMORY };
    const quota = { ...limit, remaining: 0, reset: wait ?? LONGEST_WAIT };
    return refuse(call, { key, scope: 'password', detail, quota });
  }

  return {
    async take(action, { origin, account }, now) {
      const call = { action, origin, now };
      const rule = table[action];
      const network = networkOf(origin.address);
      const first = bucketOf(action, 'network', rule.network, network);
      if (account === undefined || !rule.account) {
        refuseRemembered(call, first);
        return rateLimitHeaders(settle(call, first, await takeOne(db, first, now)));
      }
      const { here, anywhere } = rule.account;
      const second = bucketOf(action, 'account', here, account, network);
      const third = bucketOf(action, 'account', anywhere, account, '');
      // The third is not asked for a network that is known, which only the statement finds out.
      refuseRemembered(call, first, second);
      const buckets = [first, second, third] as const;
      const taken = await takeForAccount(db, buckets, placeOf(origin, account), now);
      const quota = settle(call, first, taken[0]);
      settle(call, second, taken[1]);
      settle(call, third, taken[2]);
      return rateLimitHeaders(quota);
    },

    async takeMail({ origin, account, recipient }, now) {
      const call = { action: 'account_mail', origin, now } as const;
      const own = bucketOf('account_mail', 'account', MAIL.anywhere, 'own', account);
      if (recipient === undefined) {
        refuseRemembered(call, own);
        settle(call, own, await takeOne(db, own, now));
        return;
      }
      const network = networkOf(origin.address);
      const here = bucketOf('account_mail', 'account', MAIL.here, 'to', recipient, network);
      const anywhere = bucketOf('account_mail', 'account', MAIL.anywhere, 'to', recipient, '');
      refuseRemembered(call, own, here);
      const buckets = [own, here, anywhere] as const;
      const taken = await takeForAccount(db, buckets, placeOf(origin, recipient), now);
      for (const [i, bucket] of buckets.entries()) settle(call, bucket, taken[i as 0 | 1 | 2]);
    },

    async tryPassword(action, { origin, account }, now) {
      const call = { action, origin, now };
      const network = networkOf(origin.address);
      const bucket = bucketOf(action, 'network', table[action].network, network);
      refuseRemembered(call, bucket);
      const place = placeOf(origin, account);
      const { taken, state } = await takeForPassword(db, bucket, place, now);
      const quota = settle(call, bucket, taken);
      const verdict = judge(state, now);
      if (verdict.kind === 'wait') {
        refuseTry(call, verdict.wait, hash('password', account, network));
      }
      if (verdict.kind === 'reset_needed') refuseTry(call, undefined, place.account);
      return {
        headers: rateLimitHeaders(quota),
        wrong: (when) => countFailure(db, place, when),
        isSettled: (when) => isSettled(state, when),
        right: async (tx, when) => {
          if (!isSettled(state, when)) await noteLogin(tx, place, when);
        },
      };
    },

    noteNetwork: (tx, { origin, account }, now) => noteLogin(tx, placeOf(origin, account), now),
    async noteReset(tx, { origin, account }, now) {
      const place = placeOf(origin, account);
      await forgetKnown(tx, place.account);
      await noteLogin(tx, place, now);
    },
    forget: (tx, account) => forgetAccount(tx, hash('account', account)),
  };
}

const quotaOf = ({ name, rate }: NamedBucket) => ({
  name,
  quota: rate.burst,
  window: times(rate.burst, rate.interval),
});
