import { connect, createServer, type Socket } from 'node:net';

/** A way to a server that a test can break. */
export interface TcpProxy {
  readonly port: number;
  /** How many connections were made through it so far. */
  readonly accepted: number;
  /** `open` lets through, `refuse` cuts and refuses, `silent` swallows what either side says. */
  set(mode: 'open' | 'refuse' | 'silent'): void;
  /** Cuts every connection as soon as the client has sent a text, which still reaches the server. */
  cutAfter(text: string | undefined): void;
  /**
   * Has each thing that a client sends be its last with this chance: it still reaches the server,
   * whose answer is lost.
   */
  cutAtRandom(chance: number): void;
  /** How many connections were cut by `cutAfter` and `cutAtRandom`. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** Puts a proxy before `port`; `rewrite` changes what the client sends first. */
export async function tcpProxy(
  port: number,
  rewrite = (first: Buffer): Buffer => first,
): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>();
  let mode: 'open' | 'refuse' | 'silent' = 'open';
  let trap: string | undefined;
  let chance = 0;
  let cuts = 0;
  let accepted = 0;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (mode === 'refuse') {
      client.destroy();
      return;
    }
    accepted++;
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    let first = true;
    client.on('data', (chunk) => {
      if (mode === 'silent') return;
      upstream.write(first ? rewrite(chunk) : chunk);
      first = false;
      if ((trap !== undefined && chunk.includes(trap)) || Math.random() < chance) {
        cuts++;
        client.destroy();
      }
    });
    upstream.on('data', (chunk) => {
      if (mode !== 'silent') client.write(chunk);
    });
    for (const [one, other] of [pair, [...pair].reverse() as [Socket, Socket]]) {
      one.on('error', () => {});
      // `end`, not `destroy`: what is on its way to the server still arrives.
      one.on('end', () => mode !== 'silent' && other.end());
      one.on('close', () => {
        if (mode !== 'silent') other.end();
        if (client.destroyed && upstream.destroyed) pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port for the proxy');

  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    port: address.port,
    get accepted() {
      return accepted;
    },
    set(next) {
      mode = next;
      if (mode === 'refuse') cut();
    },
    get cuts() {
      return cuts;
    },
    cutAfter(text) {
      trap = text;
    },
    cutAtRandom(next) {
      chance = next;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
