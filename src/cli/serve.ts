import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ComposeDeps, compose, type Keyturn } from '../compose.ts';
import type { Config } from '../config.ts';
import {
  BAD_CONFIGURATION,
  DONE,
  describeFailure,
  UNFORESEEN,
  USAGE_ERROR,
} from '../control/failure.ts';
import { openControl } from '../control/server.ts';
import { systemClock } from '../kit/clock.ts';
import { closeLogger, createLogger, type Logger } from '../kit/log.ts';
import { openAdmin } from './admin-listener.ts';
import { configureServer } from './configure.ts';
import { verifierWarnings } from './declared-verifiers.ts';
import { type Command, type Invocation, readOptions } from './invocation.ts';
import { complain } from './refuse.ts';
import { stopSignal } from './stop-signal.ts';
import { openTracing } from './tracing.ts';
import { welcome } from './welcome.ts';
import { type Held, withPort } from './with-port.ts';
import { type WorkerLink, workerLink } from './worker.ts';

const ROLES = ['all', 'issuer', 'resource-server'] as const;

/** `keyturn serve`: runs until SIGTERM or SIGINT. */
export const serveCommand: Command = {
  usage: '[--only issuer|resource-server]',
  summary: 'Serves until SIGTERM or SIGINT.',
  words: {
    '--only': 'one half alone: the issuer without todos, or the todos of an issuer elsewhere',
  },
  page: 'docs/deployment.md',
  async run(invocation) {
    const options = readOptions(invocation, 'serve', { only: { type: 'string', default: 'all' } });
    if (!options) return USAGE_ERROR;
    const role = ROLES.find((known) => known === options.only);
    if (!role) {
      return complain(invocation, 'serve', '--only takes issuer or resource-server.');
    }
    const configured = await configureServer(invocation, role);
    if (!configured) return BAD_CONFIGURATION;
    const link = workerLink(invocation.env);
    const { config: given, warnings: advice } = configured;
    const log = createLogger({ ...given.log, ...(link && { bindings: { worker: link.id } }) });
    let held: Held;
    try {
      const { config, ...rest } = await withPort(given);
      held = rest.held;
      if (link) return await serve(invocation, config, log, { link });
      const unborne = role === 'resource-server' ? [] : await verifierWarnings(config);
      for (const warning of [...advice, ...unborne]) log.warn(warning);
      if (config.workers === 1) return await serve(invocation, config, log, { held });
      held?.close();
      const { supervise } = await import('./supervise.ts');
      return await supervise({ invocation, config, log, clock: systemClock() });
    } catch (error) {
      const { code, detail, status } = describeFailure(error);
      // Where the sentence says all that there is to mend, a stack would hide it.
      if (code === UNFORESEEN) log.fatal({ err: error }, 'Keyturn stops');
      else log.fatal({ code }, `Keyturn cannot run: ${detail}`);
      await closeLogger(log);
      invocation.err.write(`Keyturn cannot run: ${detail}\n`);
      return status;
    } finally {
      held?.close();
      link?.leave();
    }
  },
};

/** Serves in this process, which is one of several where there is a `link`. */
async function serve(
  invocation: Invocation,
  config: Config,
  log: Logger,
  { link, held }: { link?: WorkerLink; held?: Held },
): Promise<number> {
  const stopping = stopSignal();
  const asked = link ? Promise.race([link.stop, stopping.received]) : stopping.received;
  const cores = Math.ceil(availableParallelism() / config.workers);
  const clock = systemClock();
  const tracing = config.tracing && (await openTracing(config.tracing, { log, clock }));
  const deps = { config, log, clock, cores, tracer: tracing?.tracer };
  const keyturn = compose(deps);
  const { server, metrics } = keyturn;
  link?.count(metrics);
  let closeAdmin: (() => Promise<void>) | undefined;
  try {
    if (!link) closeAdmin = await openAdmin(config.admin, { log, metrics: metrics.render });
    if (link?.listensAtOnce !== false) await listen(server, config, log, held);
    const leaving = new AbortController();
    asked.then(() => leaving.abort());
    const started = start(invocation, keyturn, deps, leaving.signal, link);
    const signal = await Promise.race([asked, started.then(() => undefined)]);
    // A start that is given up on fails for that reason alone.
    if (signal !== undefined) started.catch(() => {});
    const name = signal ?? (await asked);
    log.info({ signal: name }, 'shutting down');
    keyturn.beginDraining();
    // A load balancer needs to see that it is no longer wanted before it is no longer answered.
    if (name === 'SIGTERM') await sleep(config.times.drainDelay);
    if (signal === undefined) await (await started)?.();
    const closed = keyturn.close();
    // A start that is given up on may have got as far as opening the socket.
    if (signal !== undefined) await (await started.catch(() => undefined))?.();
    await closed;
  } catch (error) {
    await keyturn.close();
    throw error;
  } finally {
    stopping.forget();
    await closeAdmin?.();
    await tracing?.close();
  }
  log.info('stopped');
  await closeLogger(log);
  return DONE;
}

/** @returns how to close the socket by which commands reach this process */
async function start(
  invocation: Invocation,
  keyturn: Keyturn,
  deps: ComposeDeps,
  leaving: AbortSignal,
  link: WorkerLink | undefined,
) {
  const { config, log, clock } = deps;
  const { database, issuer, trail } = await keyturn.boot();
  const closeControl =
    database.lock &&
    (await openControl({
      dataDir: config.dataDir,
      lock: database.lock,
      log,
      operations: {
        database,
        dataDir: config.dataDir,
        role: config.role,
        clock,
        trail,
        keys: async () => {
          if (!issuer) throw new Error('The resource server alone has no signing keys.');
          return issuer.transitions;
        },
        keysChanged: async () => issuer?.keyring.poll(),
        firstKeys: async () => {},
        accounts: async () => {
          if (!issuer) throw new Error('The resource server alone has no accounts.');
          return issuer.accounts;
        },
      },
    }));
  // While another worker answers, nothing is sent to one that cannot serve yet.
  if (!keyturn.server.listening && !leaving.aborted) await listen(keyturn.server, config, log);
  log.info({ database: databaseOf(config) }, 'ready');
  link?.ready();
  // Loads what nobody has to wait for.
  await keyturn.metrics.watchProcess();
  if (invocation.out.isTTY && !link) invocation.out.write(welcome(config));
  return closeControl;
}

const databaseOf = (config: Config): string =>
  config.database.url === undefined ? 'embedded' : 'postgres';

async function listen(server: Server, { listen: at }: Config, log: Logger, held?: Held) {
  server.listen(held ?? { host: at.host, port: at.port });
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  log.info({ host: address.address, port: address.port }, 'listening');
}
