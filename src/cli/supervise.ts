import cluster, { type Worker } from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { DONE, FAILED } from '../control/failure.ts';
import type { Clock } from '../kit/clock.ts';
import { type Duration, milliseconds, seconds, sum } from '../kit/duration.ts';
import { closeLogger, type Logger, lineRelay } from '../kit/log.ts';
import { aggregate } from '../metrics/aggregate.ts';
import { openAdmin } from './admin-listener.ts';
import { createTally } from './crew-tally.ts';
import type { Invocation } from './invocation.ts';
import { wholeLines } from './lines.ts';
import { createRestarts } from './restarts.ts';
import { stopSignal } from './stop-signal.ts';
import { welcome } from './welcome.ts';
import { LISTENING, type Order, type Word } from './worker.ts';

/** How long workers may take to stop, beyond the delay; they give up on requests before. */
const GRACE = seconds(12);

/** What starting workers needs. */
interface SuperviseDeps {
  readonly invocation: Invocation;
  /** With the port that all listen on. */
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/**
 * Runs WORKERS processes that share the public listener, and starts another for each that ends by
 * itself. The first serves before the others begin: it migrates, it makes the keys, and where it
 * cannot start, nothing can.
 * @returns the exit status: that of the first worker where it cannot start
 */
export async function supervise(deps: SuperviseDeps): Promise<number> {
  const { invocation, config, log, clock } = deps;
  const relay = lineRelay(log);
  const tally = createTally();
  const restarts = createRestarts();
  const stopping = new AbortController();
  const crew = new Set<Worker>();
  const ready = new Set<Worker>();
  const { promise: over, resolve: end } = Promise.withResolvers<number>();
  let everReady = false;
  let status = DONE;

  const order = (worker: Worker, what: Order) => {
    if (worker.isConnected()) worker.send(what, undefined, () => {});
  };

  function start(): void {
    const begun = clock.monotonic();
    let worker: Worker;
    try {
      worker = cluster.fork({
        PORT: String(config.listen.port),
        LOG_FORMAT: config.log.format,
        [LISTENING]: ready.size === 0 ? 'at once' : 'when ready',
      });
    } catch (err) {
      log.warn({ err }, 'a worker could not be started');
      if (everReady) startLater(0);
      else end(FAILED);
      return;
    }
    crew.add(worker);
    tally.alive(crew.size);
    worker.process.stdout?.setEncoding('utf8').on('data', wholeLines(relay));
    worker.process.stderr?.pipe(invocation.err as NodeJS.WritableStream, { end: false });
    worker.on('message', (word: Word) => {
      if (word.keyturn === 'counted') tally.counted(word.id, word.snapshot);
      if (word.keyturn === 'ready') onReady(worker);
    });
    worker.on('error', (err) => {
      log.warn({ err, worker: worker.id }, 'worker');
      // One that the system has not made a process never exits.
      if (worker.process.pid === undefined) onExit(worker, FAILED, null, 0);
    });
    worker.once('exit', (code, signal) => onExit(worker, code, signal, clock.monotonic() - begun));
  }

  function startLater(lived: number): Duration {
    const pause = restarts.pauseAfter(milliseconds(lived));
    sleep(pause, undefined, { signal: stopping.signal }).then(
      () => {
        tally.restarted();
        start();
      },
      () => {},
    );
    return pause;
  }

  function onReady(worker: Worker): void {
    ready.add(worker);
    if (everReady) return;
    everReady = true;
    for (let others = config.workers - crew.size; others > 0; others--) start();
    if (invocation.out.isTTY) invocation.out.write(welcome(config));
  }

  function onExit(worker: Worker, code: number, signal: string | null, lived: number): void {
    if (!crew.delete(worker)) return;
    ready.delete(worker);
    tally.ended(worker.id);
    tally.alive(crew.size);
    if (stopping.signal.aborted) {
      if (code !== 0) status = FAILED;
      if (crew.size === 0) end(status);
      return;
    }
    if (!everReady && !signal) {
      end(code || FAILED);
      return;
    }
    const pause = startLater(lived);
    log.warn({ worker: worker.id, code, signal, pause }, 'a worker ended; another is started');
  }

  const signals = stopSignal();
  cluster.setupPrimary({ silent: true });
  const closeAdmin = await openAdmin(config.admin, {
    log,
    metrics: async () => {
      const asked = [...ready].map((worker) => ({
        worker: worker.id,
        ask: (id: number) => order(worker, { keyturn: 'count', id }),
      }));
      return aggregate(await tally.collect(asked));
    },
  });
  start();
  const ended = await Promise.race([over, signals.received]);
  if (typeof ended === 'string') {
    log.info({ signal: ended, workers: crew.size }, 'shutting down');
    stopping.abort();
    for (const worker of crew) order(worker, { keyturn: 'stop', signal: ended });
    if (crew.size === 0) end(DONE);
  }
  const limit = sum(GRACE, ended === 'SIGTERM' ? config.times.drainDelay : seconds(0));
  const killing = setTimeout(() => {
    for (const worker of crew) worker.process.kill('SIGKILL');
  }, limit);
  const result = await over;
  clearTimeout(killing);
  signals.forget();
  await closeAdmin();
  if (typeof ended === 'string') log.info('stopped');
  await closeLogger(log);
  return result;
}
