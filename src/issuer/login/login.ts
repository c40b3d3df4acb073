import type { Database, Db } from '../../db/database.ts';
import type { Clock } from '../../kit/clock.ts';
import { AppError, type ErrorSpec, unavailable, unavailableError } from '../../kit/errors.ts';
import type { Logger } from '../../kit/log.ts';
import { reporting } from '../../kit/outcome.ts';
import { type RecordingDeps, recording } from '../audit/recording.ts';
import type { RecordEvent, RequestOrigin } from '../audit/trail.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RateLimitHeaders } from '../limits/headers.ts';
import type { Limits, PasswordTry } from '../limits/limits.ts';
import { replaceSession } from '../sessions/logout.ts';
import type { SessionPolicy } from '../sessions/open.ts';
import type { TokenDeps, Tokens } from '../sessions/tokens.ts';
import type { PasswordHash } from '../users/argon2-hash.ts';
import { accountDisabled, emailNotVerified, invalidCredentials } from '../users/errors.ts';
import type { Hasher } from '../users/hasher.ts';
import {
  findUserByEmail,
  holdForLogin,
  replaceHash,
  type User,
  type UserWithHash,
} from '../users/store.ts';
import { handOver, open } from './open.ts';

/** What logging in needs. */
export interface LoginDeps extends TokenDeps, RecordingDeps {
  readonly database: Pick<Database, 'db' | 'transaction'>;
  readonly clock: Clock;
  readonly hasher: Pick<Hasher, 'hash' | 'verify' | 'requireRoom'>;
  readonly keyring: Pick<Keyring, 'sign' | 'requireSigner'>;
  readonly sessionPolicy: SessionPolicy;
  readonly limits: Limits;
  /** `required`: nobody logs in before the address is verified. */
  readonly emailVerification: 'optional' | 'required';
  /** Answers the registrations of an address that wait, where addresses have to be verified. */
  readonly answerRegistrations: (email: string) => Promise<void>;
  readonly record: RecordEvent;
  /** Told how each login ended: `ok` or the error's code. */
  readonly onLogin: (result: string) => void;
  readonly log: Pick<Logger, 'warn'>;
}

/** Somebody who wants in. */
export interface Credentials {
  /** In canonical form. */
  readonly email: string;
  readonly password: string;
}

/** Where a login comes from, and what it replaces there. */
export interface LoginContext {
  readonly origin: RequestOrigin;
  /** The refresh token in the cookie that the login will overwrite. */
  readonly replacedToken?: string | undefined;
  /** Aborts when nobody waits for the answer any more; a password is not checked then. */
  readonly signal?: AbortSignal | undefined;
}

/** A user who is in, with tokens. */
export interface LoggedIn {
  readonly user: User;
  readonly tokens: Tokens;
  /** Headers for the answer. */
  readonly rateLimit?: RateLimitHeaders | undefined;
}

/** An account that is changed again and again while its password is being checked is not waited for. */
const ATTEMPTS = 3;

/**
 * Logs a user in. The account and its password are checked once more in the statement that
 * opens the session, so that a change meanwhile wins.
 * @throws AppError `rate_limited`, `invalid_credentials`, `account_disabled`,
 *   `email_not_verified`, 503
 */
export function login(
  deps: LoginDeps,
  credentials: Credentials,
  context: LoginContext,
): Promise<LoggedIn> {
  return reporting(deps.onLogin, () => logIn(deps, credentials, context));
}

/**
 * Refuses a login whose password could not be checked for long. Asked before a request is read, it
 * makes a flood half as dear.
 * @throws AppError 503
 */
export function requireRoom({ hasher, onLogin }: Pick<LoginDeps, 'hasher' | 'onLogin'>): void {
  try {
    hasher.requireRoom();
  } catch (error) {
    onLogin(unavailable.code);
    throw error;
  }
}

async function logIn(
  deps: LoginDeps,
  credentials: Credentials,
  context: LoginContext,
): Promise<LoggedIn> {
  deps.hasher.requireRoom();
  const who = { origin: context.origin, account: credentials.email };
  const tried = await deps.limits.tryPassword('login', who, deps.clock.now());
  // Whoever has just registered is to hear that the address is not verified yet. Asked whoever it
  // is, so that nobody can tell who has.
  if (deps.emailVerification === 'required') await deps.answerRegistrations(credentials.email);
  for (let i = 0; i < ATTEMPTS; i++) {
    const found = await findUserByEmail(deps.database.db, credentials.email);
    const stored = found?.passwordHash ?? undefined;
    const { ok, rehash } = await deps.hasher.verify(stored, credentials.password, context.signal);
    if (!found || !stored || !ok) {
      await tried.wrong(deps.clock.now());
      deps.record({ event: 'login_failed', userId: found?.id, origin: context.origin });
      throw new AppError(invalidCredentials);
    }
    const refusal = refusalOf(deps, found);
    if (refusal) {
      const reason = refusal.code;
      deps.record({ event: 'login_failed', userId: found.id, reason, origin: context.origin });
      throw new AppError(refusal);
    }
    const opened = await letIn(deps, found, tried, context);
    if (!opened) continue;
    if (rehash) await remakeHash(deps, found, stored, credentials.password);
    return { ...opened, rateLimit: tried.headers };
  }
  throw unavailableError('The account is being changed; try again.');
}

/** Why somebody with the right password is not let in. */
function refusalOf(deps: Pick<LoginDeps, 'emailVerification'>, user: User): ErrorSpec | undefined {
  if (user.disabledAt) return accountDisabled;
  const unverified = deps.emailVerification === 'required' && !user.emailVerified;
  return unverified ? emailNotVerified : undefined;
}

/**
 * Opens a session for whom the right password let in. Alone, that is one statement; in a transaction
 * where the cookie's session ends with it, or where the limits have something to note.
 * @returns undefined when the account has changed meanwhile
 */
async function letIn(
  deps: LoginDeps,
  user: UserWithHash,
  tried: PasswordTry,
  { origin, replacedToken }: LoginContext,
): Promise<LoggedIn | undefined> {
  // Without a signer there would be a session that nobody can use.
  deps.keyring.requireSigner();
  const now = deps.clock.now();
  const openIn = (db: Db) => open(deps, db, { user, event: 'logged_in', origin, now });
  const isAlone = replacedToken === undefined && tried.isSettled(now);
  const opened = isAlone
    ? await openIn(deps.database.db)
    : await recording(deps, async (tx, record) => {
        if (!(await holdForLogin(tx, user))) return undefined;
        await tried.right(tx, now);
        // Before the new one is opened, so that it does not count when there are too many.
        if (replacedToken !== undefined) {
          await replaceSession(tx, { tagKey: deps.tagKey, record }, replacedToken, { origin, now });
        }
        const opened = await openIn(tx);
        if (!opened) throw new Error('a user who is held has changed');
        return opened;
      });
  return opened && (await handOver(deps, opened));
}

/** The password is at hand only now: its hash is brought up to today's parameters. */
async function remakeHash(
  deps: LoginDeps,
  user: User,
  stored: PasswordHash,
  password: string,
): Promise<void> {
  try {
    await replaceHash(deps.database.db, user.id, stored, await deps.hasher.hash(password));
  } catch (err) {
    // The login itself is done; the next one tries again.
    deps.log.warn({ err, user_id: user.id }, 'a password hash could not be brought up to date');
  }
}
