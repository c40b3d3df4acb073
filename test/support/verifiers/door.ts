import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where the world reaches the replicas' open documents: a load balancer with a shared cache. */
export interface Door {
  readonly url: string;
  /** Whom it asks, in turn. */
  targets: readonly string[];
  close(): Promise<void>;
}

interface Kept {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly until: number;
}

/** Opens a door on a free port; it keeps answers for as long as their `max-age` allows. */
export async function openDoor(): Promise<Door> {
  const kept = new Map<string, Kept>();
  let turn = 0;
  const ask = async (path: string): Promise<Kept> => {
    const askedAt = performance.now();
    const response = await fetch(`${door.targets[turn++ % door.targets.length]}${path}`);
    const cacheControl = response.headers.get('Cache-Control') ?? '';
    const maxAge = Number(/max-age=(\d+)/.exec(cacheControl)?.[1] ?? 0);
    return {
      status: response.status,
      headers: {
        'Cache-Control': cacheControl,
        'Content-Type': response.headers.get('Content-Type') ?? '',
      },
      body: Buffer.from(await response.arrayBuffer()),
      until: response.status === 200 ? askedAt + maxAge * 1000 : 0,
    };
  };
  const server = createServer(async ({ url: path = '/' }, response) => {
    try {
      const known = kept.get(path);
      const answer = known && performance.now() < known.until ? known : await ask(path);
      kept.set(path, answer);
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch {
      response.writeHead(502).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const door: Door = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets: [],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return door;
}
