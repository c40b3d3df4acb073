import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { describeFailure, type Failure } from '../../src/control/failure.ts';
import { OPERATIONS, type OperationName } from '../../src/control/operations.ts';
import type { TestKeyturn } from './keyturn.ts';

/** What came of an operation, and what it wrote. */
export interface Done {
  readonly result?: Record<string, unknown>;
  readonly failure?: Failure;
  readonly written: string;
}

/** Does operations as the control socket of a running Keyturn would. */
export function operationsOf(keyturn: TestKeyturn) {
  return async (
    name: OperationName,
    input: object = {},
    lines: Iterable<Uint8Array> | Readable = [],
  ): Promise<Done> => {
    const { database, issuer, trail } = keyturn.parts;
    if (!issuer) throw new Error('no issuer');
    let written = '';
    const deps = {
      database,
      dataDir: tmpdir(),
      trail,
      role: 'all' as const,
      clock: keyturn.clock,
      keys: async () => issuer.transitions,
      keysChanged: async () => {},
      firstKeys: async () => {},
      accounts: async () => issuer.accounts,
    };
    const streams = {
      input: (async function* () {
        yield* lines;
      })(),
      write: async (text: string) => {
        written += text;
      },
    };
    try {
      const result = (await OPERATIONS[name].run(deps, input, streams)) as Done['result'] & object;
      return { result, written };
    } catch (error) {
      return { failure: describeFailure(error), written };
    }
  };
}

/** JSON lines, in chunks that end where no line does. */
export function linesOf(records: readonly unknown[]): Buffer[] {
  const text = Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const middle = Math.floor(text.length / 2) + 1;
  return [text.subarray(0, middle), text.subarray(middle)];
}
