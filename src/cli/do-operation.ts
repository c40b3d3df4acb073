import { BAD_CONFIGURATION, DONE } from '../control/failure.ts';
import { operate } from '../control/operate.ts';
import type { OperationName } from '../control/operations.ts';
import { NO_STREAMS, type Streams } from '../control/streams.ts';
import { createLogger } from '../kit/log.ts';
import { configure } from './configure.ts';
import type { Invocation } from './invocation.ts';
import { printable } from './printable.ts';
import { isReaderGone, READER_GONE } from './reader-gone.ts';
import { refuse } from './refuse.ts';

/** How a command shows what came of its operation. */
export interface Presentation<Result> {
  readonly json: boolean;
  readonly human: (result: Result) => string;
  /** Whether lines were written already, and what came of it goes beside them, for people. */
  readonly beside?: boolean;
}

/**
 * Has an operation done, by the server or by this process, and prints what came of it.
 * @returns the exit status
 */
export async function doOperation<Result extends object>(
  invocation: Invocation,
  name: OperationName,
  input: object,
  { json, human, beside = false }: Presentation<Result>,
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
    const { failure } = answer;
    // On one line: it may quote what somebody wrote.
    const told = json ? failure : { ...failure, detail: printable(failure.detail) };
    return refuse(invocation, name, told, json);
  }
  const result = answer.result as Result;
  if (beside) invocation.err.write(human(result));
  else invocation.out.write(json ? `${JSON.stringify(result)}\n` : human(result));
  return DONE;
}
