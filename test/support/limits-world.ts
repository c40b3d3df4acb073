import { afterAll, beforeAll, beforeEach } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import type { Limits, PasswordTry, Source } from '../../src/issuer/limits/limits.ts';
import { openLimits } from '../../src/issuer/limits/open.ts';
import { after, type Duration, seconds } from '../../src/kit/duration.ts';
import type { AppError } from '../../src/kit/errors.ts';
import type { OpenDatabase, TestDriver } from './databases.ts';

const START = new Date('2026-01-01T00:00:00Z');
const SECRET = Buffer.alloc(32, 7);
export const DAY: Duration = seconds(86_400);
export const ANN = 'ann@example.com';

export const from = (address: string): Source => ({ address, userAgent: null, requestId: 'r' });
/** As many addresses as wanted, each another network. */
export const network = (n: number): Source => from(`198.51.${n >> 8}.${n & 255}`);

/** 'ok', or what refused. */
export const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    ({ code, extras }: AppError) => `${code} ${extras.headers?.RateLimit?.split('"')[1]}`,
  );

/** Limits on a database of their own, and time that passes when it is told to. */
export interface LimitsWorld {
  readonly database: OpenDatabase;
  readonly now: Date;
  /** Refusals that were told. */
  readonly events: readonly string[];
  pass(by: Duration): void;
  /** The limits as another process has them, which shares the database alone. */
  another(): Limits;
  /** The limits of this process. */
  limits(): Limits;
  /** This process begins anew. */
  restart(): void;
  take(action: 'register' | 'forgot' | 'verify', origin: Source, account?: string): Promise<string>;
  attempt(origin: Source, account?: string): Promise<PasswordTry>;
  tryOnce(origin: Source, account?: string): Promise<string>;
  fail(origin: Source, times?: number, account?: string): Promise<void>;
  logIn(origin: Source, account?: string): Promise<void>;
  sql<Row>(text: string): Promise<Row[]>;
}

/** Makes the world of the tests of one suite, empty before each of them. */
export function limitsWorld(driver: Pick<TestDriver, 'open'>): LimitsWorld {
  let database: OpenDatabase;
  let limits: Limits;
  let now = START;
  let events: string[] = [];
  const another = () =>
    openLimits({
      database,
      secret: SECRET,
      registerMails: false,
      onLimited: (action, scope, { address }) => events.push(`${action} ${scope} ${address}`),
    });
  const attempt = (origin: Source, account = ANN) =>
    limits.tryPassword('login', { origin, account }, now);
  const sql = async <Row>(text: string) => (await execute<Row>(database.db, text)).rows;

  beforeAll(async () => {
    database = await driver.open();
    await migrate(database, 'issuer', issuerMigrations);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await sql('DELETE FROM rate_buckets');
    await sql('DELETE FROM password_runs');
    now = START;
    events = [];
    limits = another();
  });

  return {
    get database() {
      return database;
    },
    get now() {
      return now;
    },
    get events() {
      return events;
    },
    pass(by) {
      now = after(now, by);
    },
    another,
    limits: () => limits,
    restart() {
      limits = another();
    },
    take: (action, origin, account) => outcome(limits.take(action, { origin, account }, now)),
    attempt,
    tryOnce: (origin, account) => outcome(attempt(origin, account)),
    async fail(origin, times = 1, account = ANN) {
      for (let i = 0; i < times; i++) await (await attempt(origin, account)).wrong(now);
    },
    async logIn(origin, account) {
      const tried = await attempt(origin, account);
      await database.transaction((tx) => tried.right(tx, now));
    },
    sql,
  };
}
