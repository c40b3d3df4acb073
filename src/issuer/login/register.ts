import type { Tx } from '../../db/database.ts';
import { AppError } from '../../kit/errors.ts';
import { newUuid, type UserId } from '../../kit/id.ts';
import type { Reservations } from '../../kit/reservations.ts';
import { recording } from '../audit/recording.ts';
import type { RequestOrigin } from '../audit/trail.ts';
import type { OutboxDeps } from '../mail/outbox.ts';
import { replaceSession } from '../sessions/logout.ts';
import type { PasswordHash } from '../users/argon2-hash.ts';
import type { CommonPasswords } from '../users/common-passwords.ts';
import { emailTaken, registrationClosed } from '../users/errors.ts';
import { checkNewPassword } from '../users/password.ts';
import { findUserByEmail, insertUser, type User, type UserWithHash } from '../users/store.ts';
import type { LoggedIn, LoginContext, LoginDeps } from './login.ts';
import { handOver, open } from './open.ts';

/** What becomes of a registration by mail; the accounts see to it. */
export interface RegistrationDesk {
  /** Puts the mail that verifies a new user's address into the outbox. */
  welcome(tx: Tx, user: User, now: Date): Promise<void>;
  /** Keeps a registration that only a mail answers, whoever has the address. */
  keep(
    registration: { readonly email: string; readonly name: string; passwordHash: PasswordHash },
    origin: RequestOrigin,
  ): Promise<void>;
}

/** What registering needs. */
export interface RegisterDeps extends LoginDeps {
  readonly desk: RegistrationDesk;
  readonly outbox: Pick<OutboxDeps, 'hurry'>;
  readonly registration: 'open' | 'closed';
  readonly passwordMinLength: number;
  readonly commonPasswords: CommonPasswords;
  /** By address: many registrations of one at once cost one hash. */
  readonly registering: Reservations;
}

/** Somebody who wants an account. */
export interface Registration {
  /** In canonical form. */
  readonly email: string;
  readonly password: string;
  readonly name: string;
}

/**
 * Registers a user and logs them in. Where addresses have to be verified it does neither, and the
 * same for every address: what becomes of it comes by mail.
 * @returns undefined in that case
 * @throws AppError `registration_closed`, `rate_limited`, `weak_password`, 503; `email_taken` where
 *   it logs in
 */
export async function register(
  deps: RegisterDeps,
  registration: Registration,
  context: LoginContext,
): Promise<LoggedIn | undefined> {
  const { email, name, password } = registration;
  requireOpen(deps);
  checkNewPassword(password, { minLength: deps.passwordMinLength, common: deps.commonPasswords });
  deps.hasher.requireRoom();
  const who = { origin: context.origin, account: email };
  const rateLimit = await deps.limits.take('register', who, deps.clock.now());
  if (deps.emailVerification === 'required') {
    const passwordHash = await deps.hasher.hash(password, context.signal);
    await deps.desk.keep({ email, name, passwordHash }, context.origin);
    return undefined;
  }
  const taken = () => new AppError(emailTaken);
  const registered = await deps.registering.run(email, taken, async () => {
    // Spares the hash; under concurrency the unique index decides.
    if (await findUserByEmail(deps.database.db, email)) throw taken();
    return create(deps, registration, context);
  });
  return { ...registered, rateLimit };
}

/** @throws AppError `registration_closed` */
export function requireOpen({ registration }: Pick<RegisterDeps, 'registration'>): void {
  if (registration === 'closed') throw new AppError(registrationClosed);
}

async function create(
  deps: RegisterDeps,
  { email, password, name }: Registration,
  { origin, replacedToken, signal }: LoginContext,
): Promise<LoggedIn> {
  const passwordHash = await deps.hasher.hash(password, signal);
  deps.keyring.requireSigner();
  const now = deps.clock.now();
  const user: UserWithHash = {
    id: newUuid(now) as UserId,
    email,
    emailVerified: false,
    name,
    createdAt: now,
    disabledAt: null,
    passwordHash,
  };
  const opened = await recording(deps, async (tx, record) => {
    await insertUser(tx, user);
    await deps.desk.welcome(tx, user, now);
    await deps.limits.noteNetwork(tx, { origin, account: email }, now);
    if (replacedToken !== undefined) {
      await replaceSession(tx, { tagKey: deps.tagKey, record }, replacedToken, { origin, now });
    }
    const opened = await open(deps, tx, { user, event: 'registered', origin, now });
    if (!opened) throw new Error('a user was registered and not found');
    return opened;
  });
  deps.outbox.hurry();
  return handOver(deps, opened);
}
