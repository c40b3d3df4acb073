import { after, type Duration, elapsed, seconds, times } from '../../kit/duration.ts';

/** What the machine knows of a mail that was not taken. */
export interface Attempted {
  /** How often it was tried, this time included: 1 or more. */
  readonly attempts: number;
  /** When there is no more use in sending it. */
  readonly expiresAt: Date;
}

/** What becomes of it. */
export type Decision =
  | { readonly kind: 'retry'; readonly at: Date }
  | { readonly kind: 'give_up'; readonly reason: 'refused' | 'expired' };

const FIRST_WAIT = seconds(10);
const LONGEST_WAIT = seconds(30 * 60);

/**
 * Judges a mail that was not taken. It is tried again after 10 s, 20 s and so on, at most half an
 * hour apart; and not past half of the time that is left, so that a link that is over soon is
 * tried more often while it is of use.
 * @param permanent whether trying again cannot help: the recipient or the mail was refused
 */
export function afterFailure(mail: Attempted, permanent: boolean, now: Date): Decision {
  if (permanent) return { kind: 'give_up', reason: 'refused' };
  const left = elapsed(now, mail.expiresAt);
  const doubled = times(2 ** (mail.attempts - 1), FIRST_WAIT);
  const wait = Math.max(FIRST_WAIT, Math.min(doubled, LONGEST_WAIT, left / 2)) as Duration;
  if (wait >= left) return { kind: 'give_up', reason: 'expired' };
  return { kind: 'retry', at: after(now, wait) };
}
