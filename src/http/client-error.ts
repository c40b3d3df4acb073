import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AppError, type ErrorSpec, invalidRequest } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { peerAddress } from './address.ts';
import { currentResponse, isUnfinished } from './connection.ts';
import { bodyTooLarge } from './problem.ts';
import { refuseConnection } from './refuse.ts';
import type { NewRequestId } from './request-id.ts';

const headersTooLarge: ErrorSpec = {
  status: 431,
  code: 'invalid_request',
  title: 'The request headers are too large',
};

const requestTimedOut: ErrorSpec = {
  status: 408,
  code: 'invalid_request',
  title: 'The request took too long to arrive',
};

const BY_NODE_CODE: Readonly<Record<string, ErrorSpec>> = {
  HPE_HEADER_OVERFLOW: headersTooLarge,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: bodyTooLarge,
  ERR_HTTP_REQUEST_TIMEOUT: requestTimedOut,
};

/**
 * Handles Node's `clientError`: what arrived is no HTTP, too large or too slow. Answers with a
 * problem and closes; says nothing where an answer has begun or nobody is there to read it.
 */
export function answerClientError(
  deps: { readonly log: Logger; readonly newRequestId: NewRequestId },
  security: readonly string[],
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  return (error, socket) => {
    // The parser reports again for every further packet.
    if (socket.writableEnded || socket.destroyed) return;
    const pending = currentResponse(socket);
    const answered = pending?.headersSent || isUnfinished(socket);
    if (error.code === 'ECONNRESET' || !socket.writable || answered) {
      socket.destroy();
      return;
    }
    const spec = BY_NODE_CODE[error.code ?? ''] ?? invalidRequest;
    const requestId = String(pending?.getHeader('X-Request-Id') ?? deps.newRequestId());
    refuseConnection(socket, new AppError(spec), requestId, security);
    const { bytesRead } = socket as Partial<Socket>;
    // A request whose body broke off has its own line; a browser's spare connection was none.
    if (pending || bytesRead === 0) return;
    deps.log.info(
      {
        request_id: requestId,
        method: null,
        path: null,
        route: null,
        status: spec.status,
        duration_ms: 0,
        address: peerAddress(socket),
        reason: error.code,
      },
      'request',
    );
  };
}
