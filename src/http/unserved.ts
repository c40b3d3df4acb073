import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { AppError, type ErrorSpec, invalidRequest } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { answerClientError } from './client-error.ts';
import { closeAfter, closeGently, isBehindTheLast } from './connection.ts';
import { refuseConnection, refuseRequest } from './refuse.ts';
import type { NewRequestId } from './request-id.ts';

/** What is needed to refuse what no route sees. */
export interface UnservedDeps {
  readonly log: Logger;
  readonly newRequestId: NewRequestId;
  /** What every answer carries, as a flat list of names and values. */
  readonly headers: readonly string[];
  /** Has a request answered, by its id and with the status that comes back, and keeps account. */
  readonly account: (req: IncomingMessage, answer: (requestId: string) => number) => void;
}

/** `judgeHead` finds a missing Host, which is refused with a problem; Node.js would send no body. */
export const OWN_HOST_CHECK = { requireHostHeader: false } as const;

const expectationFailed: ErrorSpec = {
  status: 417,
  code: 'invalid_request',
  title: 'The expectation cannot be met',
};

/**
 * Answers with problems what Node.js otherwise answers bare, or not at all, before there is a
 * request to serve: what is no HTTP, too large or too slow, expectations, CONNECT. Upgrades are not
 * offered and thus ignored (RFC 9110 section 7.8): some clients ask for h2c in every first request.
 */
export function refuseUnserved(server: Server, deps: UnservedDeps): void {
  const { account, headers } = deps;
  server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
    if (isBehindTheLast(req)) return;
    closeAfter({ req, res });
    account(req, (id) => {
      refuseRequest(res, new AppError(expectationFailed), id, headers);
      return expectationFailed.status;
    });
  });
  server.on('connect', (req, socket) => {
    if (isBehindTheLast(req)) {
      closeGently(socket);
      return;
    }
    account(req, (id) => {
      const error = new AppError(invalidRequest, { detail: 'This is no proxy.' });
      refuseConnection(socket, error, id, headers);
      return error.spec.status;
    });
  });
  server.on('clientError', answerClientError(deps, headers));
}
