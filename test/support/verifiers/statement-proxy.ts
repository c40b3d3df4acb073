import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** A way to PostgreSQL that says when a client has sent so much. */
export interface StatementProxy {
  /** The URL of the database through the proxy. */
  readonly url: string;
  /** How many messages clients have sent since `trap`. */
  readonly sent: number;
  /**
   * Calls `spring` at the message with this number, counted from 1: when it has gone to the server,
   * or instead of it.
   */
  trap(message: number, when: 'after' | 'instead', spring: () => void): void;
  close(): Promise<void>;
}

/** Puts a proxy before the database that `databaseUrl` names. */
export async function statementProxy(databaseUrl: string): Promise<StatementProxy> {
  const { hostname, port } = new URL(databaseUrl);
  let sent = 0;
  let trapped = Number.POSITIVE_INFINITY;
  let swallow = false;
  let spring = () => {};
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.on('data', (chunk) => {
      const springs = ++sent === trapped;
      if (springs && swallow) spring();
      else upstream.write(chunk, () => springs && spring());
    });
    // The one who dies hears no answer: what the trap was sprung at may be done or not.
    upstream.on('data', (chunk) => sent < trapped && client.write(chunk));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    get sent() {
      return sent;
    },
    trap(message, when, springing) {
      sent = 0;
      swallow = when === 'instead';
      trapped = message;
      spring = springing;
    },
    async close() {
      server.close();
      await once(server, 'close');
    },
  };
}
