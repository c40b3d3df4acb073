import { Agent, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Failure, NotThere } from './failure.ts';
import { type Streams, writeAllButLast } from './streams.ts';

/** What came of an operation. */
export type Answer = { readonly result: object } | { readonly failure: Failure };

/**
 * Has the server behind a control socket do an operation. The request is a line of JSON and then
 * what the operation reads; the answer what it writes and then a line of JSON.
 * @throws when nobody answers there; the streams have not been touched then. NotThere when the server
 * ends before its answer
 */
export async function callControl(
  socketPath: string,
  operation: string,
  input: object,
  streams: Streams,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  // A connection of its own that the server leaves open: what it refuses early is still written to.
  const agent = new Agent({ keepAlive: true });
  const how = { socketPath, path: '/', method: 'POST', agent } as const;
  const call = request(how, async (response) => {
    try {
      resolve(JSON.parse(await writeAllButLast(response, streams.write)) as Answer);
    } catch (error) {
      // EPIPE is of whoever reads what is written here.
      reject(codeOf(error) === 'EPIPE' ? error : unlessGone(error));
    } finally {
      call.destroy();
      agent.destroy();
    }
  });
  // A server that refuses early does not read to the end: then its answer counts.
  call.on('error', (error) => reject(unlessGone(error)));
  call.once('socket', (socket) => {
    socket.once('connect', () => {
      call.write(`${JSON.stringify({ operation, input })}\n`);
      pipeline(Readable.from(streams.input), call).catch((error: unknown) => {
        if (!call.destroyed) call.destroy(error as Error);
        reject(unlessGone(error));
      });
    });
  });
  return promise;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** What to say where the connection breaks, or the error itself. */
function unlessGone(error: unknown): unknown {
  if (codeOf(error) !== 'ECONNRESET' && codeOf(error) !== 'EPIPE') return error;
  return new NotThere(
    'server_gone',
    'The server ended before it answered: this was done or it was not. Look (keys list, users ' +
      'list, audit list) before you repeat it.',
  );
}
