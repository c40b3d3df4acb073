import { connect } from 'node:net';

/** Told about each answer; a body is text of its bytes (Latin-1), a head that of status and headers. */
export type OnAnswer = (status: number, body: string, head: string) => void;

/** One keep-alive connection that sends a request when the one before is answered. */
export interface Connection {
  /** Sends a whole request. `onAnswer` may send the next. */
  send(request: string, onAnswer: OnAnswer): void;
  close(): void;
}

const READ_BUFFER = 16 * 1024;
const HEAD_END = '\r\n\r\n';
const LINE_END = '\r\n';
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;

/**
 * Opens a connection to a port of this machine. `onBroken` hears of one that fails or is closed by
 * the server, and of an answer with neither a Content-Length nor chunks, which this reader cannot
 * follow. It reads no more of HTTP than that, since on the driver's core every microsecond counts.
 */
export async function openConnection(
  port: number,
  onBroken: (error: Error) => void,
): Promise<Connection> {
  let pending = '';
  let waiting: OnAnswer | undefined;
  const { promise: connected, resolve, reject } = Promise.withResolvers<void>();

  function take(): void {
    const headEnd = pending.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const status = Number(pending.slice(9, 12));
    const head = pending.slice(0, headEnd);
    const read = readBody(pending, headEnd + HEAD_END.length, head, status);
    if (!read) return;
    pending = pending.slice(read.end);
    const answered = waiting;
    waiting = undefined;
    if (!answered || pending !== '') throw new Error('an answer that nobody asked for');
    answered(status, read.body, head);
  }

  const socket = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer: Buffer.allocUnsafe(READ_BUFFER),
      callback(size: number, buffer: Uint8Array): boolean {
        pending += (buffer as Buffer).toString('latin1', 0, size);
        try {
          take();
        } catch (error) {
          socket.destroy(error instanceof Error ? error : new Error(String(error)));
        }
        return true;
      },
    },
  });
  socket.on('connect', resolve);
  socket.on('error', (error) => {
    reject(error);
    onBroken(error);
  });
  socket.on('close', () => onBroken(new Error('the server closed a connection')));
  await connected;

  return {
    send(request, onAnswer) {
      waiting = onAnswer;
      socket.write(request, 'latin1');
    },
    close() {
      socket.removeAllListeners('close');
      socket.destroy();
    },
  };
}

/** The body that begins at `from`; undefined until all of it is there. */
function readBody(
  text: string,
  from: number,
  head: string,
  status: number,
): { readonly body: string; readonly end: number } | undefined {
  const length = CONTENT_LENGTH.exec(head)?.[1];
  if (length !== undefined || status === 204 || status === 304) {
    const end = from + Number(length ?? 0);
    return text.length < end ? undefined : { body: text.slice(from, end), end };
  }
  if (!CHUNKED.test(head)) throw new Error(`a ${status} of unknown length`);
  let body = '';
  let at = from;
  while (true) {
    const lineEnd = text.indexOf(LINE_END, at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error('a chunk without its size');
    const end = lineEnd + LINE_END.length + size;
    if (text.length < end + LINE_END.length) return undefined;
    body += text.slice(lineEnd + LINE_END.length, end);
    at = end + LINE_END.length;
    // No trailers: what is measured here sends none.
    if (size === 0) return { body, end: at };
  }
}
