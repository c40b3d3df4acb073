import { openConnection } from './connection.ts';
import { quantile } from './statistics.ts';
import { coreMicros, processMicros } from './usage.ts';

/** What one connection asks over and over. */
export interface Exchange {
  /** The next whole request. */
  next(): string;
  /**
   * Looks at the answer; throws when it is not the one that was to come.
   * @returns whether what is measured is over; false where it takes another request
   */
  answered(status: number, body: string, head: string): boolean;
}

/** Where the load goes. */
export interface Target {
  readonly port: number;
  readonly pid: number;
  /** Where it is several processes: how to find them all. */
  readonly pids?: () => readonly number[];
  /** The core that the process is alone on, as far as we decide that. */
  readonly core: number | undefined;
}

/** One measurement. What is only known on Linux, or only of a server, may be missing. */
export interface Sample {
  /** Done a second. */
  readonly rate: number;
  /** Latency in ms that half of the requests do not exceed. */
  readonly p50?: number;
  readonly p99?: number;
  /** Processor time of the server a request, in µs. */
  readonly cpuMicros?: number;
  /** Share of one core that the server used: under 0.9, something else was the limit. */
  readonly cpuShare?: number;
  /** Share of the server's core that others used meanwhile. */
  readonly othersShare?: number;
}

/**
 * Keeps one connection an exchange busy for some milliseconds, each sending its next request when
 * the last is answered. Rejects on the first answer that is not the expected one.
 */
export async function drive(
  target: Target,
  exchanges: readonly Exchange[],
  milliseconds: number,
): Promise<Sample> {
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>();
  const opened = exchanges.map(() => openConnection(target.port, reject));
  const connections = await Promise.all(opened);
  const latencies: number[] = [];
  const pids = target.pids?.() ?? [target.pid];
  const usedBefore = processMicros(pids);
  const busyBefore = target.core === undefined ? undefined : coreMicros(target.core);
  const started = performance.now();
  const deadline = started + milliseconds;
  let active = connections.length;

  for (const [index, connection] of connections.entries()) {
    const exchange = exchanges[index] as Exchange;
    let sent = started;
    const answered = (status: number, body: string, head: string): void => {
      const now = performance.now();
      const over = exchange.answered(status, body, head);
      if (over) {
        latencies.push(now - sent);
        sent = now;
      }
      // What has begun is brought to its end: what it was given may not keep until the next time.
      if (!over || now < deadline) connection.send(exchange.next(), answered);
      else if (--active === 0) resolve();
    };
    connection.send(exchange.next(), answered);
  }
  try {
    await finished;
  } finally {
    for (const connection of connections) connection.close();
  }
  const elapsed = performance.now() - started;
  const used = difference(usedBefore, processMicros(pids));
  const busy = difference(
    busyBefore,
    target.core === undefined ? undefined : coreMicros(target.core),
  );
  const sorted = Float64Array.from(latencies).sort();
  return {
    rate: (latencies.length * 1000) / elapsed,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    ...(used === undefined
      ? {}
      : { cpuMicros: used / latencies.length, cpuShare: used / 1000 / elapsed }),
    ...(used === undefined || busy === undefined
      ? {}
      : { othersShare: Math.max(0, busy - used) / 1000 / elapsed }),
  };
}

const difference = (before: number | undefined, after: number | undefined): number | undefined =>
  before === undefined || after === undefined ? undefined : after - before;
