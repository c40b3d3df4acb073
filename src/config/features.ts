import type { LogFormat, LogLevel } from '../kit/log.ts';
import type { Secret } from '../kit/secret.ts';
import { parseSender, parseSmtpUrl } from './connections.ts';
import { isPlain, parseHttpUrl } from './origins.ts';
import { quote, Refusal, type Role, type Source } from './source.ts';
import { VARIABLES } from './variables.ts';

/** Reads how mail goes out; undefined: it becomes files. */
export function readMail(
  source: Source,
  production: boolean,
): { readonly smtpUrl: Secret<string>; readonly from: string } | undefined {
  const smtpUrl = source.parsed('SMTP_URL', parseSmtpUrl);
  const from = source.parsed('MAIL_FROM', parseSender);
  const hasUrl = source.given('SMTP_URL') !== undefined;
  const hasFrom = source.given('MAIL_FROM') !== undefined;
  if (hasUrl && !hasFrom) source.fault('MAIL_FROM', 'is required beside SMTP_URL');
  if (hasFrom && !hasUrl) source.fault('SMTP_URL', 'is required beside MAIL_FROM');
  if (production && !hasUrl && !hasFrom) {
    source.warn('SMTP_URL', 'unset in production: mail is written to files and reaches nobody');
  }
  return smtpUrl && from ? { smtpUrl, from } : undefined;
}

/** Who may have an account, and how passwords are kept. */
interface Passwords {
  readonly registration: 'open' | 'closed';
  readonly emailVerification: 'optional' | 'required';
  readonly passwordMinLength: number;
  readonly argon2: { readonly memory: number; readonly time: number; readonly parallelism: number };
  readonly rateLimit: boolean;
}

/** Reads what concerns accounts and passwords. Argon2's least values are OWASP's. */
export function readPasswords(source: Source, production: boolean): Passwords {
  const rateLimit = source.choice('RATE_LIMIT', ['on', 'off']) === 'on';
  if (production && !rateLimit) source.fault('RATE_LIMIT', 'must not be off in production');
  return {
    registration: source.choice('REGISTRATION', ['open', 'closed']),
    emailVerification: source.choice('EMAIL_VERIFICATION', ['optional', 'required']),
    passwordMinLength: source.integer('PASSWORD_MIN_LENGTH', 8, 128),
    argon2: {
      memory: source.integer('ARGON2_MEMORY', 19_456, 4_194_304),
      time: source.integer('ARGON2_TIME', 2, 100),
      parallelism: source.integer('ARGON2_PARALLELISM', 1, 64),
    },
    rateLimit,
  };
}

/** What people see of Keyturn: pages and log. */
interface Presentation {
  readonly selfCheck: boolean;
  /** Only where there are todos for it. */
  readonly todoApp: boolean;
  readonly brand: { readonly name: string; readonly logo?: string; readonly color?: string };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
}

/** Reads switches, brand and log. In production the log is JSON unless told otherwise. */
export function readPresentation(
  source: Source,
  production: boolean,
  terminal: boolean,
  role: Role,
): Presentation {
  const format = source.parsed('LOG_FORMAT', parseFormat);
  const logo = source.parsed('BRAND_LOGO', parseLogo);
  const color = source.parsed('BRAND_COLOR', parseColor);
  if (production && format === 'pretty') {
    source.warn('LOG_FORMAT', 'pretty is for people; log collectors read json');
  }
  return {
    selfCheck: source.choice('SELF_CHECK', ['on', 'off']) === 'on',
    todoApp: source.choice('TODO_APP', ['on', 'off']) === 'on' && role === 'all',
    brand: {
      name: source.parsed('BRAND_NAME', parseName) ?? VARIABLES.BRAND_NAME.default,
      ...(logo === undefined ? {} : { logo }),
      ...(color === undefined ? {} : { color }),
    },
    log: {
      level: source.choice('LOG_LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
      format: format ?? (terminal && !production ? 'pretty' : 'json'),
    },
  };
}

function parseFormat(text: string): LogFormat {
  if (text !== 'json' && text !== 'pretty') {
    throw new Refusal(`${quote(text)} is none of json, pretty`);
  }
  return text;
}

function parseName(text: string): string {
  if (text.length > 64 || /\p{Cc}/u.test(text) || text.trim() === '') {
    throw new Refusal(`${quote(text)} is not a name of 1 to 64 characters on one line`);
  }
  return text;
}

function parseLogo(text: string): string {
  const { href } = parseHttpUrl(text);
  if (isPlain(href)) throw new Refusal(`${quote(text)} is not https`);
  return href;
}

function parseColor(text: string): string {
  if (!/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(text)) {
    throw new Refusal(`${quote(text)} is not a colour like #0b5fff`);
  }
  return text;
}
