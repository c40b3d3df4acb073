import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { DirectoryLock } from '../db/directory-lock.ts';
import { seconds } from '../kit/duration.ts';
import { unavailableError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { describeFailure, UNFORESEEN } from './failure.ts';
import { OPERATIONS, type OperationDeps, type OperationName } from './operations.ts';
import { type Streams, takeLine } from './streams.ts';

/** The longest path that a Unix socket may have, everywhere. */
const LONGEST_PATH = 100;
/** How long an operation under way may take while the server stops. */
const GRACE = seconds(5);

/** What the control socket needs. */
export interface ControlDeps {
  readonly dataDir: string;
  readonly lock: DirectoryLock;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly operations: OperationDeps;
}

/**
 * Lets commands reach the process that holds the embedded database: a Unix socket that only the
 * same user may open, in the data directory or, where its path is too long, in a private one.
 * @returns how to close it
 */
export async function openControl(deps: ControlDeps): Promise<() => Promise<void>> {
  const inside = resolve(deps.dataDir, 'control.sock');
  const path =
    Buffer.byteLength(inside) <= LONGEST_PATH
      ? inside
      : join(await mkdtemp(join(tmpdir(), 'keyturn-')), 'control.sock');
  // A dead process's; the lock on the directory says that there is no living one.
  await rm(path, { force: true });
  const leaving = new AbortController();
  const { signal } = leaving;
  // An import may take its time to be read.
  const server = createServer({ requestTimeout: 0 }, async (request, response) => {
    try {
      const { line, rest } = await takeLine(request);
      const write = (lines: string) => writeTo(response, lines);
      response.end(`${JSON.stringify(await answer(deps, line, { input: rest, write, signal }))}\n`);
    } catch {
      // Who asked has left in the midst of asking.
      response.destroy();
    }
  });
  server.listen(path);
  await new Promise<void>((listening, failed) => {
    server.once('listening', listening).once('error', failed);
  });
  await chmod(path, 0o600);
  await deps.lock.announce(path);
  return async () => {
    await new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeIdleConnections();
      // A client that never finishes asking does not keep the process, nor does a long import.
      setTimeout(() => {
        leaving.abort(unavailableError('The server stops.'));
        server.closeAllConnections();
      }, GRACE).unref();
    });
    await rm(path === inside ? path : dirname(path), { recursive: true, force: true });
  };
}

/** Waits for a slow reader. @throws when it has left */
async function writeTo(response: ServerResponse, lines: string): Promise<void> {
  if (response.destroyed) throw new Error('Whoever asked has left.');
  if (response.write(lines)) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}

async function answer({ operations, log }: ControlDeps, line: string, streams: Streams) {
  let name = '';
  try {
    const { operation: asked, input } = JSON.parse(line) as { operation: string; input: unknown };
    name = asked;
    const operation = Object.hasOwn(OPERATIONS, name) && OPERATIONS[name as OperationName];
    if (!operation)
      throw new Error(`The server knows no operation ${name}; is it an older release?`);
    log.info({ operation: name }, 'command');
    return { result: await operation.run(operations, input, streams) };
  } catch (error) {
    const failure = describeFailure(error);
    // Who asked is told the rest, which may name an address.
    if (failure.code !== UNFORESEEN)
      log.info({ operation: name, code: failure.code }, 'command refused');
    else log.warn({ operation: name, err: error }, 'command failed');
    return { failure };
  }
}
