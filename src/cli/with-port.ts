import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Config } from '../config.ts';

/** What the issuer is by default while the port is left to the system. */
const UNREACHABLE = 'http://localhost:0';

/**
 * Puts a free port where the configuration leaves it to the system (PORT=0), and into the issuer
 * and the audience made of it: clients have to reach what a token names.
 * @throws what listening throws, for an address that is not this machine's
 */
export async function withPort(config: Config): Promise<Config> {
  const { host, port } = config.listen;
  if (port !== 0) return config;
  const probe = createServer().listen(port, host);
  await once(probe, 'listening');
  const free = (probe.address() as AddressInfo).port;
  probe.close();
  await once(probe, 'close');
  const real = (origin: string) => (origin === UNREACHABLE ? `http://localhost:${free}` : origin);
  return {
    ...config,
    listen: { host, port: free },
    issuer: real(config.issuer),
    audience: real(config.audience),
  };
}
