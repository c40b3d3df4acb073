import { Agent, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Failure } from './failure.ts';
import { type Streams, writeAllButLast } from './streams.ts';

/** What came of an operation. */
export type Answer = { readonly result: object } | { readonly failure: Failure };

/**
 * Has the server behind a control socket do an operation. The request is a line of JSON and then
 * what the operation reads; the answer what it writes and then a line of JSON.
 * @throws when nobody answers there; the streams have not been touched then
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
      reject(error);
    } finally {
      call.destroy();
      agent.destroy();
    }
  });
  // A server that refuses early does not read to the end: then its answer counts.
  call.on('error', reject);
  call.once('socket', (socket) => {
    socket.once('connect', () => {
      call.write(`${JSON.stringify({ operation, input })}\n`);
      pipeline(Readable.from(streams.input), call).catch((error: unknown) => {
        if (!call.destroyed) call.destroy(error as Error);
        reject(error);
      });
    });
  });
  return promise;
}
