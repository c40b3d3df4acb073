import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Config } from '../config.ts';
import { PrivateListenerError } from '../control/failure.ts';
import { type AdminDeps, createAdmin } from '../http/admin.ts';

/**
 * Opens the private listener.
 * @returns how to close it
 * @throws PrivateListenerError where it cannot listen
 */
export async function openAdmin(
  { host, port }: Config['admin'],
  deps: AdminDeps,
): Promise<() => Promise<void>> {
  const server = createAdmin(deps);
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw error instanceof Error ? new PrivateListenerError(error) : error;
  }
  const address = server.address() as AddressInfo;
  deps.log.info({ host: address.address, port: address.port }, 'metrics are served');
  return async () => {
    server.close();
    server.closeAllConnections();
    if (server.listening) await once(server, 'close');
  };
}
