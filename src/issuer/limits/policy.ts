import { type Duration, seconds } from '../../kit/duration.ts';

/** What is limited, besides tries of a password. */
export type BucketAction =
  | 'register'
  | 'forgot'
  | 'reset'
  | 'resend'
  | 'verify'
  | 'refresh_refused';

/** Mails that somebody signed in causes. */
export type MailAction = 'account_mail';

/** Where passwords are tried. */
export type PasswordAction = 'login' | 'current_password';

/** What is limited. */
export type LimitedAction = BucketAction | PasswordAction | MailAction;

/** How fast a bucket refills, one after each `interval`, and how many it holds. */
export interface Rate {
  readonly burst: number;
  readonly interval: Duration;
}

/** The limits of one action; documented in docs/limits.md. */
export interface Rule {
  /** For one network. */
  readonly network: Rate;
  /** For one account: from one network, and from all together that it never logged in from. */
  readonly account?: { readonly here: Rate; readonly anywhere: Rate };
}

const MINUTE = seconds(60);
/** What one network may do of each kind: sixty at once, and sixty a minute. */
const NETWORK: Rate = { burst: 60, interval: seconds(1) };
/** For calls that send a mail to somebody who may not have asked for it. */
export const MAIL: Required<Rule>['account'] = {
  here: { burst: 10, interval: seconds(6 * 60) },
  anywhere: { burst: 30, interval: seconds(2 * 60) },
};

/** The limits of every action. @param registerMails whether registering sends a mail */
export function rules(
  registerMails: boolean,
): Readonly<Record<BucketAction | PasswordAction, Rule>> {
  const registering = {
    here: { burst: 60, interval: MINUTE },
    anywhere: { burst: 120, interval: MINUTE },
  };
  return {
    login: { network: NETWORK },
    current_password: { network: NETWORK },
    register: { network: NETWORK, account: registerMails ? MAIL : registering },
    forgot: { network: NETWORK, account: MAIL },
    resend: { network: NETWORK, account: MAIL },
    reset: { network: NETWORK },
    verify: { network: NETWORK },
    refresh_refused: { network: NETWORK },
  };
}

/** Wrong passwords in a row, over all networks, after which only a known network gets through. */
export const LONGEST_RUN = 100;
/** Wrong passwords in a row from one network that cost no wait. */
export const FREE_FAILURES = 10;
/** The wait after the next one; doubled by each one more, up to the longest. */
export const FIRST_WAIT: Duration = seconds(30);
export const LONGEST_WAIT: Duration = seconds(3600);
/** A network's run is forgotten after a day without a wrong password. */
export const RUN_MEMORY: Duration = seconds(86_400);
/** How long an account's own run, and the networks that it logged in from, are remembered. */
export const ACCOUNT_MEMORY: Duration = seconds(365 * 86_400);
/** A known network is noted again after a day, so that it stays known. */
export const NOTE_AGAIN: Duration = seconds(86_400);
