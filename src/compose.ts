import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { issuerMigrations } from '../migrations/issuer/index.ts';
import { todosMigrations } from '../migrations/todos/index.ts';
import { describeApi } from './compose/api.ts';
import { ISSUER_SERIES, RESOURCE_SERVER_SERIES, refreshResultOf } from './compose/series.ts';
import type { Config } from './config.ts';
import type { Database, DatabaseOptions } from './db/database.ts';
import { migrate } from './db/migrate.ts';
import { openWhenFree } from './db/open-when-free.ts';
import { isReachable } from './db/reachable.ts';
import { checkServer } from './db/server-check.ts';
import { createApp } from './http/app.ts';
import type { AppRouter } from './http/context.ts';
import type { FastRoute } from './http/fast-route.ts';
import { healthRoute, readyRoutes, startingPage, startingRoutes } from './http/health.ts';
import { createListener, drain } from './http/listener.ts';
import { createTrail, type Trail } from './issuer/audit/trail.ts';
import { type Issuer, loadPasswords, openIssuer } from './issuer/issuer.ts';
import { COOKIE_PATHS } from './issuer/login/routes.ts';
import type { Clock } from './kit/clock.ts';
import { milliseconds } from './kit/duration.ts';
import { unavailableError } from './kit/errors.ts';
import { type Logger, lineWriter } from './kit/log.ts';
import { untilAvailable } from './kit/retry.ts';
import { noTrace } from './kit/trace.ts';
import type { Tracer } from './kit/tracer.ts';
import { VERSION } from './kit/version.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createResourceServer, type ResourceServer } from './resource-server/server.ts';
import { todoAppRoutes } from './todo-app/todo-app.ts';

/** What a Keyturn is composed from. */
export interface ComposeDeps {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  /** Processor cores that are this process's to use; all of the machine's when absent. */
  readonly cores?: number;
  /** Follows requests; nothing does when absent. */
  readonly tracer?: Tracer | undefined;
  /** Opens the database; tests hand in one that is open already. */
  readonly open?: (options: DatabaseOptions) => Promise<Database>;
}

/** What commands work on, once it has booted. */
export interface Parts {
  readonly database: Database;
  /** Undefined where the resource server runs alone. */
  readonly issuer: Issuer | undefined;
  readonly trail: Trail;
}

/** A whole Keyturn: may listen at once, serves once it has booted. */
export interface Keyturn {
  readonly server: Server;
  readonly metrics: Metrics;
  /**
   * Opens the database (waiting for one that is away), migrates it, opens the keys, and serves.
   * The bundled resource server fetches its keys from `server`, or, while that does not listen,
   * from the process that listens where the configuration says.
   * @throws KeyTrouble, DatabaseBusyError, JwksFault and the like, for which an operator is needed
   */
  boot(): Promise<Parts>;
  /** `/readyz` turns 503; everything else is still served. */
  beginDraining(): void;
  /** Finishes what is in flight and closes everything. */
  close(): Promise<void>;
}

/** A probe waits for a second as a rule, and is to hear of a database that is silent at the start. */
const PROBE_PATIENCE = milliseconds(500);

/** Composes a Keyturn: the one place that knows every room. */
export function compose(deps: ComposeDeps): Keyturn {
  const { config, log, clock, cores = availableParallelism() } = deps;
  const metrics = createMetrics({ version: VERSION });
  const trace = deps.tracer ?? noTrace;
  const edge = {
    log,
    onResponse: metrics.onResponse,
    ...(deps.tracer && { follower: deps.tracer }),
    writeLine: lineWriter(log, clock),
    clock,
    issuer: config.issuer,
    allowedOrigins: config.allowedOrigins,
    trustProxy: config.trustProxy,
    cookiePaths: COOKIE_PATHS,
  };
  const closing = new AbortController();
  let draining = false;
  let started = false;
  let booted = Promise.resolve();
  let database: Database | undefined;
  let issuer: Issuer | undefined;
  let todos: ResourceServer | undefined;
  let trail: Trail | undefined;

  const missing = async (): Promise<string[]> => [
    ...(draining ? ['this process is shutting down'] : []),
    ...(started ? [] : ['this process is starting']),
    ...(issuer?.keyring.troubles() ?? []),
    ...(started ? (todos?.troubles() ?? []) : []),
    ...(database && !(await isReachable(database, started ? undefined : PROBE_PATIENCE))
      ? ['the database does not answer']
      : []),
  ];

  const fast = new Map<string, FastRoute>([['/healthz', healthRoute]]);
  const serving = (routes: readonly AppRouter[]) =>
    createApp({ ...edge, renderErrorPage: issuer?.renderErrorPage }, [
      ...routes,
      readyRoutes(missing),
    ]).callback();
  const early = [readyRoutes(missing), startingRoutes()];
  let handle = createApp({ ...edge, renderErrorPage: startingPage }, early).callback();
  const application = {
    callback: () => (req: IncomingMessage, res: ServerResponse) => handle(req, res),
  };
  const server = createListener(edge, application, fast);

  const start = async (): Promise<Parts> => {
    const patiently = <T>(work: () => Promise<T>) =>
      untilAvailable({ signal: closing.signal, log }, 'the database', work);
    const migrated = async (name: string, migrations: Readonly<Record<string, string>>) => {
      const applied = await patiently(() => migrate(opened, name, migrations));
      if (applied.length > 0) log.info({ database: name, migrations: applied }, 'migrated');
    };
    // The bundled service keeps its todos by itself, so that it has to be told who is gone.
    const forgetUsers = async (userIds: readonly string[]) => {
      if (!todos) throw unavailableError('The todos are not there yet.');
      await todos.forgetUsers(userIds);
    };
    const isIssuer = config.role !== 'resource-server';
    const passwords = isIssuer
      ? await loadPasswords({ config, clock, log, trace }, cores)
      : undefined;
    const { dataDir } = config;
    const opened = await patiently(() =>
      (deps.open ?? openWhenFree)({ ...config.database, dataDir, log, trace: deps.tracer }),
    );
    database = opened;
    metrics.observe({ database: opened.stats });
    await patiently(() => checkServer(opened));
    const events = createTrail({
      log,
      clock,
      db: isIssuer ? opened.db : undefined,
      onEvent({ event }) {
        metrics.authEvent(event);
        const refreshed = refreshResultOf(event);
        if (refreshed) metrics.refresh(refreshed);
      },
    });
    trail = events;
    if (passwords) {
      metrics.expect(ISSUER_SERIES);
      await migrated('issuer', issuerMigrations);
      issuer = await openIssuer({
        config,
        database: opened,
        clock,
        log,
        trail: events,
        passwords,
        cores,
        metrics,
        trace,
        patiently,
        forgetUsers: config.role === 'issuer' ? undefined : forgetUsers,
      });
      closing.signal.throwIfAborted();
      for (const [path, route] of issuer.documents) fast.set(path, route);
    }
    if (config.role !== 'issuer') {
      metrics.expect(RESOURCE_SERVER_SERIES);
      await migrated('todos', todosMigrations);
      todos = createResourceServer({
        ...config.times,
        database: opened,
        clock,
        issuer: config.issuer,
        audience: config.audience,
        jwksUri: config.jwksUri ?? (issuer && ownJwks(server, config)),
        report({ userId, requestedUserId: reason, ...origin }) {
          metrics.crossUserAccess();
          events.record({ event: 'cross_user_access', userId, reason, origin });
        },
        onEvent({ type, result }) {
          if (type === 'validated') metrics.validated(result);
          else metrics.jwksFetched(result);
        },
      });
      await todos.start(config.times.jwksStartupTimeout, closing.signal);
    }
    closing.signal.throwIfAborted();
    const todoApp =
      config.todoApp && issuer && todos ? await todoAppRoutes({ ...config, ...issuer.site }) : [];
    const api = await describeApi(config);
    for (const [path, route] of api.documents) fast.set(path, route);
    handle = serving([
      ...(issuer?.routes ?? []),
      ...(todos ? [todos.routes] : []),
      ...todoApp,
      ...api.routes,
    ]);
    started = true;
    return { database: opened, issuer, trail: events };
  };

  return {
    server,
    metrics,
    boot() {
      const booting = start();
      booted = booting.then(
        () => {},
        () => {},
      );
      return booting;
    },
    beginDraining() {
      draining = true;
    },
    async close() {
      draining = true;
      closing.abort();
      if (server.listening) await drain(server);
      // What a start has opened is closed only when it has come to an end.
      await booted;
      await issuer?.jobs.stop();
      await trail?.close();
      await database?.close();
    },
  };
}

/** The issuer's JWKS by the own listener: the bundled resource server asks like every service. */
function ownJwks(server: Server, { listen }: Config): string {
  const bound = server.address() as AddressInfo | null;
  const [address, port] = bound ? [bound.address, bound.port] : [listen.host, listen.port];
  const any = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[address];
  const host = any ?? (address.includes(':') ? `[${address}]` : address);
  return `http://${host}:${port}/.well-known/jwks.json`;
}
