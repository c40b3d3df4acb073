import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems give to whoever asks for any: Linux from 32768 on, others from 49152. */
const PORTS = [20_000, 32_000] as const;

/**
 * A port of 127.0.0.1 to listen on later, or again after a restart: none that the system gives to
 * somebody else meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(...PORTS);
    const probe = createServer().listen(port, '127.0.0.1');
    const listens = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!listens) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
