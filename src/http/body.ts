import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { AppError, invalidRequest } from '../kit/errors.ts';
import { JsonFault, parseStrictJson } from '../kit/json.ts';
import { closeAfter, closeGently, endWith, noteUnfinished } from './connection.ts';
import { fieldErrors, humanMessage } from './field-errors.ts';
import { bodyTooLarge, unsupportedMediaType } from './problem.ts';

const MAX_BODY = 64 * 1024;
const MAX_DEPTH = 8;
/** What is read and thrown away of a refused body, so that its sender gets to read the answer. */
const MAX_DISCARDED = 4 * 1024 * 1024;

/** A media type that a call reads, by its usual spelling and by any. */
interface BodyType {
  readonly name: string;
  readonly pattern: RegExp;
}

const JSON_BODY: BodyType = {
  name: 'application/json',
  pattern: /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i,
};

/** The body of a call that says all by being made: none, or an empty object. */
export const noFields = z.strictObject({}).meta({ id: 'NoFields' });

/** A request and its response. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Reads a JSON body by its schema; none, or an empty one, counts as `{}`. Throws an `AppError`:
 * 415 for another media type or encoding, 413 above 64 KiB, 400 `invalid_request` with `errors` for
 * what is no strict JSON in UTF-8 or does not fit the schema.
 */
export async function readJson<S extends z.ZodType>(
  ctx: Exchange,
  schema: S,
): Promise<z.output<S>> {
  const value = hasBody(ctx.req) ? parseBody(await readBytes(ctx, JSON_BODY)) : {};
  const result = schema.safeParse(value, { error: humanMessage });
  if (result.success) return result.data;
  throw new AppError(invalidRequest, {
    detail: 'Some fields of the body are not valid.',
    fields: fieldErrors(result.error),
  });
}

/** Whether a request says that it has a body. */
export const hasBody = (req: IncomingMessage): boolean =>
  isChunked(req) || Number(req.headers['content-length'] ?? 0) > 0;

const isChunked = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined;

/**
 * Bounds what is read of a body that no route reads, as of one that is refused: Node.js would read
 * it to its end before the next request. To be called before the answer is complete.
 */
export function boundUnread({ req, res }: Exchange): void {
  if (Number(req.headers['content-length'] ?? 0) > MAX_DISCARDED) closeAfter({ req, res });
  res.prependOnceListener('finish', () => {
    if (req.complete) return;
    noteUnfinished(req);
    if (!res.shouldKeepAlive) closeAfter({ req, res });
    // What has been read from is left to its reader.
    if (req.readableFlowing !== null) return;
    let size = (req.read() as Buffer | null)?.length ?? 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_DISCARDED) stopReading({ req, res });
    });
  });
}

/** Reads on no more, and closes the connection once the answer is out, and those before it. */
function stopReading({ req, res }: Exchange): void {
  endWith(req);
  req.removeAllListeners('data');
  if (res.writableFinished) {
    closeGently(req.socket);
    return;
  }
  req.pause();
  res.once('finish', () => {
    req.resume();
    closeGently(req.socket);
  });
}

function parseBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw unreadable('It is not UTF-8.');
  try {
    return parseStrictJson(bytes.toString('utf8'), { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw unreadable(`${error.message}.`);
  }
}

/** A body that is not what its type says. */
export const unreadable = (message: string): AppError =>
  new AppError(invalidRequest, {
    detail: `The body cannot be read. ${message}`,
    fields: [{ path: '', message }],
  });

/**
 * Reads a body of one media type as it came. One of chunks is empty or not only when it has come:
 * what is empty needs no media type, as where its length says so.
 * @throws AppError 415 for another media type or encoding, 413 above 64 KiB
 */
export async function readBytes({ req, res }: Exchange, type: BodyType): Promise<Buffer> {
  const wrongType = typeFault(req, type);
  const mayBeEmpty = isChunked(req) && req.headers['content-type'] === undefined;
  if (wrongType && (!mayBeEmpty || isAwaited(res))) throw wrongType;
  if (req.destroyed) throw endedEarly();
  const declared = Number(req.headers['content-length'] ?? 0);
  if (declared <= MAX_BODY) askFor(res);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let refused = false;
    const refuse = (fault: AppError) => {
      refused = true;
      chunks.length = 0;
      reject(fault);
    };
    const giveUp = () => {
      if (!req.readableEnded) reject(endedEarly());
    };
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
      // Goes on reading after a refusal: closing at once would reset the connection under the
      // answer, before a client that is still sending can read it.
      if (size > MAX_DISCARDED) stopReading({ req, res });
      else if (refused) return;
      else if (wrongType) refuse(wrongType);
      else if (size > MAX_BODY) refuse(tooLarge());
      else chunks.push(chunk);
    });
    req.once('end', () => {
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    req.once('error', giveUp);
    req.once('close', giveUp);
    if (declared > MAX_BODY) refuse(tooLarge());
  });
}

/** Whether a connection would have been kept, by answers that a client waits for with its body. */
const awaited = new WeakMap<ServerResponse, boolean>();

/**
 * Notes that a client waits to be asked for its body (RFC 9110 section 10.1.1), which may never come:
 * the connection is kept only where it was.
 */
export function awaitAsking(res: ServerResponse): void {
  awaited.set(res, res.shouldKeepAlive);
  res.shouldKeepAlive = false;
}

/** Makes an answer the last on its connection, whatever a client that waits for it was told. */
export function keepNoLonger(res: ServerResponse): void {
  res.shouldKeepAlive = false;
  if (awaited.has(res)) awaited.set(res, false);
}

const isAwaited = (res: ServerResponse): boolean => awaited.has(res);

function askFor(res: ServerResponse): void {
  const keeps = awaited.get(res);
  if (keeps === undefined) return;
  res.writeContinue();
  res.shouldKeepAlive = keeps;
}

const tooLarge = (): AppError =>
  new AppError(bodyTooLarge, { detail: `At most ${MAX_BODY} bytes are read.` });

const endedEarly = (): AppError =>
  new AppError(invalidRequest, { detail: 'The body ended too early.' });

function typeFault(
  { headers }: IncomingMessage,
  { name, pattern }: BodyType,
): AppError | undefined {
  const type = headers['content-type'];
  if (type === undefined || (type !== name && !pattern.test(type))) {
    return new AppError(unsupportedMediaType, { detail: `Send the body as ${name}, in UTF-8.` });
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new AppError(unsupportedMediaType, {
      detail: 'Send the body without Content-Encoding.',
    });
  }
  return undefined;
}
