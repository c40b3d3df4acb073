import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import type { Config } from '../config.ts';

/** What the issuer is by default while the port is left to the system. */
const UNREACHABLE = 'http://localhost:0';

/** What holds a port that the system gave until another server listens by it. */
export type Held = Server | undefined;

/**
 * Puts a free port where the configuration leaves it to the system (PORT=0), and into the issuer
 * and the audience made of it: clients have to reach what a token names.
 * @throws what listening throws, for an address that is not this machine's
 */
export async function withPort(config: Config): Promise<{ config: Config; held?: Held }> {
  const { host, port } = config.listen;
  if (port !== 0) return { config };
  // Nobody is told of this port yet, so nobody is expected.
  const held = createServer((stranger) => stranger.destroy()).listen(port, host);
  await once(held, 'listening');
  const free = (held.address() as AddressInfo).port;
  const real = (origin: string) => (origin === UNREACHABLE ? `http://localhost:${free}` : origin);
  return {
    config: {
      ...config,
      listen: { host, port: free },
      issuer: real(config.issuer),
      audience: real(config.audience),
    },
    held,
  };
}
