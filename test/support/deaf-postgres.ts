import { connect, createServer, type Socket } from 'node:net';

/**
 * Puts a proxy before the PostgreSQL at `port` that garbles each LISTEN: an engine without it.
 * @returns its port, how often it was asked to listen, and how to close it
 */
export async function deafPostgres(port: number) {
  const sockets = new Set<Socket>();
  let refused = 0;
  const server = createServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1' });
    client.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      const garbled = text.replace(/\blisten (?=")/, 'lisxen ');
      if (garbled !== text) refused++;
      upstream.write(Buffer.from(garbled, 'latin1'));
    });
    upstream.on('data', (chunk) => client.write(chunk));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port for the proxy');
  return {
    port: address.port,
    get refused() {
      return refused;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
