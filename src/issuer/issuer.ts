import type { Config } from '../config.ts';
import type { Database } from '../db/database.ts';
import type { AppRouter } from '../http/context.ts';
import type { RenderErrorPage } from '../http/error-edge.ts';
import type { FastRoute } from '../http/fast-route.ts';
import { rememberingVerifier } from '../jwt/verified-tokens.ts';
import type { Clock } from '../kit/clock.ts';
import { seconds } from '../kit/duration.ts';
import { createGate, type Gate } from '../kit/gate.ts';
import type { Logger } from '../kit/log.ts';
import { createReservations } from '../kit/reservations.ts';
import type { Trace } from '../kit/trace.ts';
import type { Metrics } from '../metrics.ts';
import type { DeleteDeps } from './accounts/delete.ts';
import { passOnDeletions } from './accounts/deletions.ts';
import type { LinkDeps } from './accounts/deps.ts';
import { mailLink } from './accounts/links.ts';
import { answerRegistrations, answerRequests, keepRequest } from './accounts/requests.ts';
import type { Trail } from './audit/trail.ts';
import { type Jobs, startJobs } from './jobs.ts';
import { bootstrapKeys } from './keys/bootstrap.ts';
import { keyFigures } from './keys/figures.ts';
import { openHighWaterMark } from './keys/high-water.ts';
import { loadKeyEncryptionKeys } from './keys/key-encryption-key.ts';
import { createKeyring, type Keyring } from './keys/keyring.ts';
import { openOutboxSealer } from './keys/secrets.ts';
import { createSelfCheck, type SelfCheck, visibilityAt } from './keys/self-check.ts';
import type { TransitionDeps } from './keys/transition.ts';
import type { Limits } from './limits/limits.ts';
import { noLimits, openLimits } from './limits/open.ts';
import { openPostman } from './mail/open.ts';
import { readBacklog } from './mail/store.ts';
import { openDocuments } from './metadata.ts';
import { errorPages } from './pages/error-page.ts';
import { loadSite, type Site } from './pages/site.ts';
import { issuerRoutes } from './router.ts';
import { tracedGate, tracedKeyring } from './traced.ts';
import { type CommonPasswords, loadCommonPasswords } from './users/common-passwords.ts';
import { createHasher, type Hasher } from './users/hasher.ts';
import { anyUsers } from './users/store.ts';

/** What an issuer is made from. */
export interface IssuerDeps {
  readonly config: Config;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly trail: Trail;
  readonly passwords: Passwords;
  /** Processor cores that are this process's to use. */
  readonly cores: number;
  readonly metrics: Metrics;
  readonly trace: Trace;
  /** Has the bundled services forget users who are gone; undefined where there are none. */
  readonly forgetUsers: ((userIds: readonly string[]) => Promise<void>) | undefined;
  /** Does work again while the database is away. */
  readonly patiently: <T>(work: () => Promise<T>) => Promise<T>;
}

/** An issuer that has its keys and serves. */
export interface Issuer {
  readonly routes: readonly AppRouter[];
  /** Errors as pages, for browsers. */
  readonly renderErrorPage: RenderErrorPage;
  /** How all pages look, for those that are not the issuer's. */
  readonly site: Pick<Site, 'brand' | 'theme' | 'icon'>;
  /** The JWKS and the metadata. */
  readonly documents: ReadonlyMap<string, FastRoute>;
  readonly transitions: TransitionDeps;
  readonly keyring: Keyring;
  /** What the world sees of the keys; undefined where it is switched off. */
  readonly selfCheck: SelfCheck | undefined;
  /** What making and deleting accounts takes. */
  readonly accounts: LinkDeps & Pick<DeleteDeps, 'limits' | 'passOnDeletions'>;
  /** Answers the requests that are answered by mail, as a job does every second. */
  readonly answerRequests: () => Promise<void>;
  /** Ends the timers. */
  readonly jobs: Jobs;
}

/** What checking passwords takes; loaded once a process. */
export interface Passwords {
  readonly hasher: Hasher;
  readonly commonPasswords: CommonPasswords;
  /** What hashing is doing. */
  readonly gate: Pick<Gate, 'stats'>;
}

/** Access tokens whose signature need not be checked again; about 2 kB each. */
const TOKENS_REMEMBERED = 10_000;
/** Requests that may wait for a hash; what is behind them is refused with a 503. */
const HASH_QUEUE = 200;
const HASH_PATIENCE = seconds(8);

/** Loads what checking passwords takes. @param cores hashing leaves one of them to everything else */
export async function loadPasswords(
  { config, clock, log, trace }: Pick<IssuerDeps, 'config' | 'clock' | 'log' | 'trace'>,
  cores: number,
): Promise<Passwords> {
  const gate = createGate({
    concurrency: Math.max(1, cores - 1),
    queueLimit: HASH_QUEUE,
    maxWait: HASH_PATIENCE,
    clock,
  });
  const onUnreadable = (message: string) => log.error({}, message);
  const [hasher, commonPasswords] = await Promise.all([
    createHasher({ argon2: config.argon2, gate: tracedGate(gate, trace), onUnreadable }),
    loadCommonPasswords(),
  ]);
  return { hasher, commonPasswords, gate };
}

/**
 * Opens the issuer on a migrated database.
 * @throws KeyTrouble when an operator has to help with the keys
 */
export async function openIssuer(deps: IssuerDeps): Promise<Issuer> {
  const { config, database, clock, log, patiently } = deps;
  const policy = config.times;
  const highWater = await openHighWaterMark(config.dataDir, log);
  const keys = { database, clock, policy, keyBits: config.keyBits, highWater, trail: deps.trail };
  const { sealer, refreshTokenTagKey: tagKey } = await patiently(async () => {
    await clock.synchronise(() => database.time());
    return bootstrapKeys({
      ...keys,
      source: config.keyEncryptionKeys,
      mayMakeKeys: !config.production,
      anyUsers: () => anyUsers(database.db),
    });
  });
  const { issuer, audience } = config;
  const keyring = tracedKeyring(createKeyring({ ...keys, sealer, cores: deps.cores }), deps.trace);
  const outboxSealer = await patiently(() => openOutboxSealer({ db: database.db, sealer }));
  await patiently(keyring.poll);
  const selfCheck = config.selfCheck
    ? createSelfCheck({ issuer, keyring, clock, policy, log })
    : undefined;
  deps.metrics.observe({
    keys: () => keyFigures(keyring, policy, clock.now()),
    selfCheck: () => selfCheck?.last(),
    hashing: deps.passwords.gate.stats,
    mail: async () => {
      const { waiting, oldest } = await readBacklog(database.db);
      return { waiting, oldestSeconds: oldest ? (+clock.now() - +oldest) / 1000 : 0 };
    },
  });
  const transitions: TransitionDeps = {
    ...keys,
    sealer,
    isVisible: config.selfCheck ? visibilityAt({ issuer, log }) : undefined,
    keyEncryptionKeys: () => loadKeyEncryptionKeys(config.keyEncryptionKeys),
  };
  const postman = openPostman({ config, database, clock, log, sealer: outboxSealer });
  const outbox = { sealer: outboxSealer, hurry: () => jobs.sendMail() };
  const mailing = { database, clock, trail: deps.trail, outbox, issuer, log };
  const answering = answerRequests(mailing);
  const passingOn =
    deps.forgetUsers && passOnDeletions({ database, clock, forgetUsers: deps.forgetUsers });
  const accounts = {
    issuer,
    outbox,
    limits: limitsOf(deps, tagKey),
    async passOnDeletions() {
      // A job tries again.
      await passingOn?.().catch((err: unknown) => log.warn({ err }, 'a deletion is not passed on'));
    },
  };
  const { site, assets } = await loadSite(config);
  const routes = issuerRoutes({
    ...keys,
    site,
    ...policy,
    ...deps.passwords,
    log,
    keyring,
    desk: {
      welcome: (tx, user, now) => mailLink(tx, mailing, user, 'verify_email', now),
      keep: (registration, origin) =>
        keepRequest(mailing, { kind: 'register', ...registration }, origin),
    },
    answerRegistrations: (email) => answerRegistrations(mailing, email),
    ...accounts,
    audience,
    sessionPolicy: policy,
    tagKey,
    registering: createReservations(),
    record: deps.trail.record,
    verifyToken: rememberingVerifier({
      resolve: keyring.resolve,
      holds: (kid, key) => keyring.resolve(kid) === key,
      expected: { issuer, audience, clockSkew: policy.clockSkew },
      size: TOKENS_REMEMBERED,
    }),
    onValidated: deps.metrics.validated,
    onLogin: deps.metrics.login,
    onRefresh: deps.metrics.refresh,
    allowedOrigins: config.allowedOrigins,
    cookieSameSite: config.cookieSameSite,
    registration: config.registration,
    emailVerification: config.emailVerification,
    passwordMinLength: config.passwordMinLength,
  });
  // Last: nobody would stop them where anything before failed.
  const jobs = startJobs({
    ...transitions,
    policy,
    trail: deps.trail,
    database,
    keyring,
    postman,
    log,
    selfCheck,
    answerRequests: answering,
    passOnDeletions: passingOn,
  });
  return {
    routes: [...routes, assets],
    renderErrorPage: errorPages(site),
    site,
    documents: openDocuments({ issuer, jwksMaxAge: policy.jwksMaxAge, keyring }),
    transitions,
    keyring,
    selfCheck,
    accounts,
    answerRequests: answering,
    jobs,
  };
}

/** The limits, or none where they are switched off. */
function limitsOf({ config, database, trail }: IssuerDeps, secret: Buffer): Limits {
  if (!config.rateLimit) return noLimits;
  return openLimits({
    database,
    secret,
    registerMails: config.emailVerification === 'required',
    onLimited: (action, scope, origin) =>
      trail.record({ event: 'rate_limited', reason: `${action}_by_${scope}`, origin }),
  });
}
