import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runDirectory } from './run-directory.ts';

/** Below those that systems give to whoever asks for any: Linux from 32768 on, others from 49152. */
const PORTS = [20_000, 32_000] as const;

/**
 * A port of 127.0.0.1 to listen on later, or again after a restart: none that the system gives to
 * somebody else meanwhile, nor this to anybody else of the test run.
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
    if (isOurs(port)) return port;
  }
}

/** Takes a port for good, in the directory that all processes of the run share. */
function isOurs(port: number): boolean {
  try {
    writeFileSync(join(runDirectory(), `port-${port}`), '', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
