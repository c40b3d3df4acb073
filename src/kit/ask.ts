import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request as requestPlain,
} from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, unzip } from 'node:zlib';
import type { Duration } from './duration.ts';

/** A request to another server, and how much of its answer is waited for. */
export interface Question {
  readonly headers: Readonly<Record<string, string>>;
  /** A POST with this text; a GET without. */
  readonly body?: string;
  /** Covers the body of the answer too: one that trickles in is none. */
  readonly timeout: Duration;
  readonly signal?: AbortSignal | undefined;
  /** The longest text that is read, in bytes. */
  readonly maxBytes: number;
}

/** An answer, whatever its status. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** Names in lower case; lines of one name joined by commas (RFC 9110 section 5.3). */
  readonly headers: IncomingHttpHeaders;
  /** Of a 200 alone; that of others is not read, and empty. */
  readonly text: string;
}

/** What came of a question. */
export type Outcome =
  | Answer
  | { readonly kind: 'too_large' }
  | { readonly kind: 'too_late' }
  /** Nothing that could be read, and why, in the system's words. */
  | { readonly kind: 'nothing'; readonly reason: string };

/**
 * Asks a server by http or https, and for the connection to be closed. Follows no redirect; never
 * throws. It is not `fetch`, since Node.js loads 14 MiB for that.
 */
export async function ask(url: string, question: Question): Promise<Outcome> {
  const { timeout, signal } = question;
  const patience = AbortSignal.timeout(timeout);
  const until = signal ? AbortSignal.any([patience, signal]) : patience;
  try {
    const response = await send(url, question, until);
    const { statusCode: status = 0, headers } = response;
    if (status !== 200) {
      response.destroy();
      return { kind: 'answer', status, headers, text: '' };
    }
    const text = await readText(response, question.maxBytes);
    return text === undefined ? { kind: 'too_large' } : { kind: 'answer', status, headers, text };
  } catch (error) {
    if (patience.aborted) return { kind: 'too_late' };
    return { kind: 'nothing', reason: reasonOf(error) };
  }
}

async function send(url: string, { headers, body }: Question, signal: AbortSignal) {
  const secure = new URL(url).protocol === 'https:';
  const request = secure ? (await import('node:https')).request : requestPlain;
  const options: RequestOptions = {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, Connection: 'close' },
    joinDuplicateHeaders: true,
    signal,
  };
  return new Promise<IncomingMessage>((resolve, reject) => {
    request(url, options, resolve)
      .on('error', reject)
      // As when another protocol is offered: there is no answer then, and no error either.
      .on('close', () => reject(new Error('the connection ended without an answer')))
      .end(body);
  });
}

/** Undefined when it is longer. */
async function readText(response: IncomingMessage, max: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > max) return undefined;
    chunks.push(chunk);
  }
  return decode(Buffer.concat(chunks), response.headers['content-encoding'], max);
}

const unpackEither = promisify(unzip);
const unpack = {
  gzip: unpackEither,
  'x-gzip': unpackEither,
  deflate: unpackEither,
  br: promisify(brotliDecompress),
};

/** A store of files may hold one compressed, and answers it so whatever it was asked for. */
async function decode(
  bytes: Buffer,
  encoding: string | undefined,
  max: number,
): Promise<string | undefined> {
  const decoder = Object.entries(unpack).find(([name]) => name === encoding?.toLowerCase())?.[1];
  if (!decoder) return bytes.toString('utf8');
  try {
    return (await decoder(bytes, { maxOutputLength: max })).toString('utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}

/** A name with several addresses fails with an error of several, which has a code alone. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}
