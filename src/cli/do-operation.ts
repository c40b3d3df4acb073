import { BAD_CONFIGURATION, DONE, type Failure } from '../control/failure.ts';
import { operate } from '../control/operate.ts';
import type { OperationName } from '../control/operations.ts';
import { NO_STREAMS, type Streams } from '../control/streams.ts';
import { createLogger } from '../kit/log.ts';
import { configure } from './configure.ts';
import type { Invocation } from './invocation.ts';
import { isReaderGone, READER_GONE } from './reader-gone.ts';

/** How a command shows what came of its operation. */
export interface Presentation<Result> {
  readonly json: boolean;
  readonly human: (result: Result) => string;
}

/**
 * Has an operation done, by the server or by this process, and prints what came of it.
 * @returns the exit status
 */
export async function doOperation<Result extends object>(
  invocation: Invocation,
  name: OperationName,
  input: object,
  { json, human }: Presentation<Result>,
  streams?: Partial<Streams>,
): Promise<number> {
  const configured = configure(invocation, 'all', json);
  if (!configured) return BAD_CONFIGURATION;
  const { config } = configured;
  // What a command prints is its answer alone; what there is to say besides goes beside it.
  const log = createLogger({ ...config.log, level: 'warn', destination: invocation.err });
  const { input: read, write } = { ...NO_STREAMS, ...streams };
  let readerGone = false;
  const answer = await operate({ config, log }, name, input, {
    input: read,
    write: (lines) =>
      write(lines).catch((error: unknown) => {
        readerGone = isReaderGone(error);
        throw error;
      }),
  });
  if ('failure' in answer) {
    if (readerGone) return READER_GONE;
    invocation[json ? 'out' : 'err'].write(renderFailure(name, answer.failure, json));
    return answer.failure.status;
  }
  const result = answer.result as Result;
  invocation.out.write(json ? `${JSON.stringify(result)}\n` : human(result));
  return DONE;
}

function renderFailure(name: string, { status: _, ...error }: Failure, json: boolean): string {
  if (json) return `${JSON.stringify({ error })}\n`;
  const lines = (error.errors ?? []).map(({ path, message }) => `  ${path}: ${message}\n`);
  return `keyturn ${name}: ${error.detail}\n${lines.join('')}`;
}
