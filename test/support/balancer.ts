import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { statusOf } from './server-process.ts';

/** How often, in milliseconds, each replica is asked whether it is ready. */
const INTERVAL = 50;
/** An answer older than this says nothing any more: who stood still for so long asks anew. */
const STALE = 2_000;

/** What stands before several replicas. */
export interface Balancer {
  readonly url: string;
  /** Sends to it as well, once `/readyz` says so. */
  add(url: string): void;
  remove(url: string): void;
  close(): Promise<void>;
}

/**
 * A load balancer that sends in turn to each replica whose `/readyz` was 200 when last asked, on
 * connections that it keeps, and to another one only where nothing was sent yet.
 */
export async function startBalancer(): Promise<Balancer> {
  /** When each was last found ready; undefined when it was not. */
  const ready = new Map<string, number | undefined>();
  const agent = new Agent({ keepAlive: true });
  let turn = 0;
  let over = false;
  // Kept connections are the client's to end: ended here, a request may be under way on one.
  const server = createServer({ keepAliveTimeout: 0 }, (req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk) => chunks.push(chunk));
    req.on('end', () => void forward(req, res, Buffer.concat(chunks), ready.size));
  });

  /** Those that are ready; waits while all that is known is too old to say. */
  async function ableNow(): Promise<string[]> {
    for (;;) {
      const found = [...ready].filter(([, at]) => at !== undefined);
      const fresh = found.filter(([, at = 0]) => performance.now() - at < STALE);
      if (fresh.length > 0 || found.length === 0 || over) return fresh.map(([url]) => url);
      await pause(INTERVAL);
    }
  }

  async function forward(
    req: IncomingMessage,
    res: ServerResponse,
    body: Buffer,
    tries: number,
  ): Promise<void> {
    const able = await ableNow();
    const target = able[turn++ % able.length];
    if (target === undefined || tries === 0) {
      res.writeHead(502).end('{}');
      return;
    }
    const { method, headers } = req;
    const onward = request(`${target}${req.url}`, { agent, method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') void forward(req, res, body, tries - 1);
      else res.writeHead(502).end(JSON.stringify({ code: error.code }));
    });
    onward.end(body);
  }

  const look = async (url: string) => {
    while (!over && ready.has(url)) {
      const askedAt = performance.now();
      const status = await statusOf(`${url}/readyz`);
      if (ready.has(url)) ready.set(url, status === 200 ? askedAt : undefined);
      await pause(INTERVAL);
    }
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add(url) {
      ready.set(url, undefined);
      void look(url);
    },
    remove: (url) => void ready.delete(url),
    async close() {
      over = true;
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
