import { elapsed, spellDuration } from '../../kit/duration.ts';
import type { Mail } from './mail.ts';

/** What a mail says, before it is dressed as text or HTML. */
export interface MailText {
  readonly subject: string;
  readonly title: string;
  readonly paragraphs: readonly string[];
  /** What to do now. */
  readonly action?: { readonly label: string; readonly link: string } | undefined;
  /** Said below the action. */
  readonly notes: readonly string[];
}

/** What every mail may speak of. */
export interface MailContext {
  /** What the service is called. */
  readonly brand: string;
  /** An origin; every link but those that a mail brings begins with it. */
  readonly issuer: string;
  /** When the mail came to be. */
  readonly createdAt: Date;
}

/** What a mail says. Nothing in it comes from whoever caused it. */
export function mailText(mail: Mail, context: MailContext): MailText {
  const { brand, issuer, createdAt } = context;
  const at = spellTime(createdAt);
  const until = 'link' in mail ? [validity(mail.expiresAt, createdAt)] : [];
  const resetNow = { label: 'Reset my password', link: `${issuer}/forgot-password` };
  const tellUs = `If it was not you, tell the people who run ${issuer} at once.`;
  switch (mail.kind) {
    case 'verify_email':
      return {
        subject: `Confirm your email address for ${brand}`,
        title: 'Confirm your email address',
        paragraphs: [`This address was given for an account with ${brand}. Is it yours?`],
        action: { label: 'Confirm my address', link: mail.link },
        notes: [...until, 'If it was not you, do nothing: the address stays unconfirmed.'],
      };
    case 'set_password':
      return {
        subject: `Your new ${brand} account`,
        title: 'Choose a password',
        paragraphs: [`An account with ${brand} was made for you. A password is all it lacks.`],
        action: { label: 'Choose a password', link: mail.link },
        notes: [...until, 'If you did not expect this, do nothing: nobody can log in without it.'],
      };
    case 'reset_password':
      return {
        subject: `Reset your ${brand} password`,
        title: 'Choose a new password',
        paragraphs: [`A new password was asked for, for your account with ${brand}.`],
        action: { label: 'Choose a new password', link: mail.link },
        notes: [...until, 'If it was not you, do nothing: your password stays as it is.'],
      };
    case 'confirm_email_change':
      return {
        subject: `Confirm your new email address for ${brand}`,
        title: 'Confirm your new email address',
        paragraphs: [`An account with ${brand} is to be moved to this address. Is it yours?`],
        action: { label: 'Confirm my new address', link: mail.link },
        notes: [...until, 'If it was not you, do nothing: nothing will change.'],
      };
    case 'password_changed':
      return {
        subject: `Your ${brand} password was changed`,
        title: 'Your password was changed',
        paragraphs: [
          `The password of your account with ${brand} was changed on ${at}, and you were logged out everywhere else.`,
          'If it was you, all is well. If it was not, take your account back now:',
        ],
        action: resetNow,
        notes: [],
      };
    case 'password_reset':
      return {
        subject: `Your ${brand} password was reset`,
        title: 'Your password was reset',
        paragraphs: [
          `The password of your account with ${brand} was reset on ${at} by a mailed link, and you were logged out everywhere.`,
          'If it was you, all is well. If it was not, somebody may read your mail: secure your mailbox, then take your account back:',
        ],
        action: resetNow,
        notes: [],
      };
    case 'email_change_requested':
      return {
        subject: `A new email address for your ${brand} account`,
        title: 'A new email address was asked for',
        paragraphs: [
          `On ${at} somebody who knows your password asked to move your account with ${brand} to another address. That happens as soon as it is confirmed there.`,
          'If it was you, all is well. If it was not, stop it now:',
        ],
        action: resetNow,
        notes: ['A reset voids the change, and logs everybody out.'],
      };
    case 'email_changed':
      return {
        subject: `Your ${brand} account has a new email address`,
        title: 'Your email address was changed',
        paragraphs: [
          `Since ${at} your account with ${brand} belongs to another address. This one is told for the last time.`,
        ],
        notes: [tellUs],
      };
    case 'account_exists':
      return {
        subject: `You already have a ${brand} account`,
        title: 'You already have an account',
        paragraphs: [
          `On ${at} somebody tried to register with this address, which has an account with ${brand} already. Nothing has changed.`,
          'If it was you, log in instead:',
        ],
        action: { label: 'Log in', link: `${issuer}/login` },
        notes: [`Forgotten the password? ${issuer}/forgot-password`],
      };
    case 'account_deleted':
      return {
        subject: `Your ${brand} account was deleted`,
        title: 'Your account was deleted',
        paragraphs: [
          `Your account with ${brand}, and all that was personal in it, was deleted on ${at}.`,
        ],
        notes: [tellUs],
      };
  }
}

const validity = (expiresAt: Date, createdAt: Date): string =>
  `The link works once, for ${spellLength(expiresAt, createdAt)}, until ${spellTime(expiresAt)}.`;

const UNITS = { d: 'day', h: 'hour', m: 'minute', s: 'second' } as const;

/** `24 hours`, `1 day 7 minutes`. */
function spellLength(expiresAt: Date, createdAt: Date): string {
  return spellDuration(elapsed(createdAt, expiresAt)).replace(
    /(\d+)([dhms])/g,
    (_, count: string, unit: keyof typeof UNITS) =>
      `${count} ${UNITS[unit]}${count === '1' ? '' : 's'}`,
  );
}

const TIME = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
});

/** `1 January 2026 at 14:30 UTC` */
const spellTime = (time: Date): string => `${TIME.format(time)} UTC`;
