import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { compose, type Parts } from '../../src/compose.ts';
import type { Config } from '../../src/config.ts';
import { type Database, openDatabase } from '../../src/db/database.ts';
import { execute } from '../../src/db/statement.ts';
import { type ManualClock, manualClock } from '../../src/kit/clock.ts';
import { createLogger } from '../../src/kit/log.ts';
import type { Metrics } from '../../src/metrics.ts';
import { config as parsed } from './config.ts';
import { newDirectory, type TestDriver } from './databases.ts';

/** The issuer unless a test sets another: http, so that its cookie has the plain name. */
export const ISSUER = 'http://localhost:3000';
/** The one origin that is allowed besides the issuer's own. */
export const APP_ORIGIN = 'https://app.example.com';

/** How to start. */
export interface KeyturnOptions {
  /** Variables over those that every test has. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: ManualClock;
  /** All of it when absent. */
  readonly role?: Config['role'];
  /** As if the machine had so many. */
  readonly cores?: number;
  /** The port to listen on; any free one when absent. */
  readonly port?: number;
  /** False leaves it listening and not booted. */
  readonly boot?: boolean;
}

/** A Keyturn that listens, and what tests look at behind its back. */
export interface TestKeyturn {
  readonly server: Server;
  readonly url: string;
  readonly issuer: string;
  readonly config: Config;
  readonly clock: ManualClock;
  /** Every log line so far, at trace level, as it was written. */
  readonly lines: readonly string[];
  /** What the boot gave. Throws before it. */
  readonly parts: Parts;
  /** The open database. Throws before the boot. */
  readonly database: Database;
  readonly metrics: Metrics;
  /** Runs SQL text and answers its rows. */
  sql<Row>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** The security events of one kind that were recorded of a session. */
  events(event: string, sessionId?: string): Record<string, unknown>[];
  boot(): Promise<void>;
  beginDraining(): void;
  /** Stops it and removes all that it wrote. */
  close(): Promise<void>;
}

/** Composes a Keyturn on an empty database and listens on a free port. */
export async function startKeyturn(
  driver: TestDriver,
  options: KeyturnOptions = {},
): Promise<TestKeyturn> {
  const [storage, directory] = await Promise.all([driver.create(), newDirectory()]);
  const variables = {
    ISSUER_URL: ISSUER,
    ALLOWED_ORIGINS: APP_ORIGIN,
    DATABASE_URL: storage.url,
    DATA_DIR: storage.dataDir,
    KEYS_DIR: join(directory, 'keys'),
    LOG_LEVEL: 'trace',
    // Many users come from one address, and time stands still.
    RATE_LIMIT: 'off',
    // Nobody answers at the issuer's URL.
    SELF_CHECK: 'off',
    ...options.env,
  };
  const config = parsed(variables, { role: options.role ?? 'all' });
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ ...config.log, destination });
  const clock = options.clock ?? standingClock();
  let database: Database | undefined;
  const keyturn = compose({
    config,
    log,
    clock,
    ...(options.cores !== undefined && { cores: options.cores }),
    open: async (how) => {
      database = await openDatabase(how);
      return database;
    },
  });
  keyturn.server.listen(options.port ?? 0, '127.0.0.1');
  await once(keyturn.server, 'listening');
  const { port } = keyturn.server.address() as AddressInfo;
  let parts: Parts | undefined;
  const boot = async () => {
    parts = await keyturn.boot();
  };
  if (options.boot !== false) await boot();

  const opened = (): Database => {
    if (!database) throw new Error('the database is not open yet');
    return database;
  };
  return {
    server: keyturn.server,
    url: `http://127.0.0.1:${port}`,
    issuer: config.issuer,
    config,
    clock,
    lines,
    get parts() {
      if (!parts) throw new Error('it has not booted yet');
      return parts;
    },
    metrics: keyturn.metrics,
    get database() {
      return opened();
    },
    sql: async <Row>(text: string, parameters: readonly unknown[] = []) =>
      (await execute<Row>(opened().db, text, parameters)).rows,
    events: (event, sessionId) =>
      lines
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => line.event === event)
        .filter((line) => sessionId === undefined || line.session_id === sessionId),
    boot,
    beginDraining: () => keyturn.beginDraining(),
    async close() {
      keyturn.server.closeAllConnections();
      await keyturn.close();
      await storage.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * A clock whose `advance` moves the wall clock alone: leases run on the monotonic one, and days
 * that a test lets pass would end them.
 */
export const standingClock = (): ManualClock => ({ ...manualClock(), monotonic: () => 0 });
