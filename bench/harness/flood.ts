import type { Connection } from './connection.ts';
import { openConnection } from './connection.ts';

/** What became of a flood. */
export interface Flooded {
  /** Sent a second. */
  readonly rate: number;
  /** Answers by their status. */
  readonly statuses: ReadonlyMap<number, number>;
}

/** More than the server lets wait, so that some are always free to send. */
const CONNECTIONS = 300;
const TICK = 10;

/**
 * Sends `rate` requests a second, answered or not, until it is stopped: unlike the load that waits
 * for its answers, a flood does not slow down with the server.
 */
export async function startFlood(
  port: number,
  rate: number,
  next: () => string,
): Promise<{ stop(): Promise<Flooded> }> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  const opening = Array.from({ length: CONNECTIONS }, () => openConnection(port, broken.reject));
  const connections = await Promise.race([Promise.all(opening), broken.promise]);
  const idle: Connection[] = [...connections];
  const statuses = new Map<number, number>();
  const started = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - started) * rate) / 1000;
    while (sent < due) {
      const connection = idle.shift();
      if (!connection) return;
      sent += 1;
      connection.send(next(), (status) => {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        idle.push(connection);
      });
    }
  }, TICK);
  return {
    async stop() {
      clearInterval(timer);
      const elapsed = performance.now() - started;
      for (const connection of connections) connection.close();
      return { rate: (sent * 1000) / elapsed, statuses };
    },
  };
}
