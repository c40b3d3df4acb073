import type { Readable } from 'node:stream';
import { splitLines } from '../kit/split-lines.ts';

/** What passes a command's way besides its input and its result: bytes in, whole lines out. */
export interface Streams {
  readonly input: AsyncIterable<Uint8Array>;
  /** Writes lines, each with its newline; resolves when more may come. */
  readonly write: (lines: string) => Promise<void>;
  /** Aborts when the process waits for the command no longer; never where it is absent. */
  readonly signal?: AbortSignal;
}

/** For operations that take and give none. */
export const NO_STREAMS: Streams = {
  input: (async function* () {})(),
  write: async () => {},
};

/** Reads a stream's first line, and leaves what follows to be read. */
export async function takeLine(
  source: Readable,
): Promise<{ line: string; rest: AsyncIterable<Uint8Array> }> {
  const chunks: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
  const head: Buffer[] = [];
  for (;;) {
    const { value, done } = await chunks.next();
    if (done) return { line: String(Buffer.concat(head)), rest: rest(chunks, Buffer.alloc(0)) };
    const end = value.indexOf('\n');
    if (end < 0) {
      head.push(value);
      continue;
    }
    head.push(value.subarray(0, end));
    return { line: String(Buffer.concat(head)), rest: rest(chunks, value.subarray(end + 1)) };
  }
}

async function* rest(chunks: AsyncIterator<Buffer>, first: Buffer): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (;;) {
    const { value, done } = await chunks.next();
    if (done) return;
    yield value;
  }
}

/** Hands on every line but the last, which is returned. */
export async function writeAllButLast(
  source: AsyncIterable<Uint8Array>,
  write: Streams['write'],
): Promise<string> {
  let last: Buffer | undefined;
  for await (const line of splitLines(source)) {
    if (last) await write(`${last}\n`);
    last = line;
  }
  return String(last ?? '');
}
