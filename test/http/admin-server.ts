import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { createAdmin } from '../../src/http/admin.ts';
import { createLogger } from '../../src/kit/log.ts';
import { rawExchange } from './edge-server.ts';

/** A private listener on a free port until the end of the test, and what it logged. */
export async function startAdmin() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => lines.push(JSON.parse(line));
  const log = createLogger({ level: 'trace', format: 'json', destination: { write } });
  const metrics = async () => ({ contentType: 'text/plain', text: 'keyturn_can_sign 1\n' });
  const server = createAdmin({ log, metrics });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, lines, raw: (...parts: (string | Buffer)[]) => rawExchange(port, parts) };
}
