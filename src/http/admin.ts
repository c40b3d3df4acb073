import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { seconds } from '../kit/duration.ts';
import { AppError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { notePeer } from './address.ts';
import { boundUnread, hasBody } from './body.ts';
import { isBehindTheLast } from './connection.ts';
import { reportError } from './error-edge.ts';
import { judgeHead, refuseFaulty } from './head.ts';
import { methodNotAllowed, notFound, onlyOptions } from './problem.ts';
import { refuseRequest } from './refuse.ts';
import { requestIds } from './request-id.ts';
import { securityHeaders } from './security-headers.ts';
import { normaliseTarget, pathOf } from './target.ts';
import { OWN_HOST_CHECK, refuseUnserved } from './unserved.ts';

/** What the private listener needs. */
export interface AdminDeps {
  readonly log: Logger;
  /** The metrics of this moment, with their media type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Enough for a collector and a person who looks, and too little to be worth an attack. */
const LIMITS = {
  headersTimeout: seconds(5),
  requestTimeout: seconds(5),
  connectionsCheckingInterval: seconds(1),
  maxHeaderSize: 8 * 1024,
  ...OWN_HOST_CHECK,
};
const MAX_CONNECTIONS = 50;

const HEADERS = securityHeaders('http:');
const ALLOW = 'GET, HEAD, OPTIONS';

/** The private listener, not yet listening: `GET /metrics` and nothing else. */
export function createAdmin({ log, metrics }: AdminDeps): Server {
  const newRequestId = requestIds();
  const answer: RequestListener = async (req, res) => {
    if (isBehindTheLast(req)) return;
    const requestId = newRequestId();
    if (hasBody(req)) boundUnread({ req, res });
    try {
      normaliseTarget(req);
      judgeHead({ req, res });
      refuseFaulty(req);
      const path = pathOf(req.url ?? '');
      if (path !== '/metrics' && path !== '*') throw new AppError(notFound);
      if (req.method === 'OPTIONS') {
        res.writeHead(204, ['X-Request-Id', requestId, ...HEADERS, 'Allow', ALLOW]).end();
        return;
      }
      if (path === '*') throw onlyOptions();
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        throw new AppError(methodNotAllowed, { headers: { Allow: ALLOW } });
      }
      const { contentType, text } = await metrics();
      const body = Buffer.from(text);
      res.writeHead(200, [
        ...['X-Request-Id', requestId, ...HEADERS],
        ...['Content-Type', contentType, 'Content-Length', String(body.length)],
        ...['Cache-Control', 'no-store'],
      ]);
      res.end(req.method === 'HEAD' ? undefined : body);
    } catch (thrown) {
      refuseRequest(res, reportError(log, thrown, requestId), requestId, HEADERS);
    }
  };
  const server = createServer(LIMITS, (req, res) => void answer(req, res));
  server.on('connection', notePeer);
  // Scrapes are as many as they are dull: only what is no request of HTTP has a line in the log.
  const account = (_req: IncomingMessage, refuse: (requestId: string) => number) =>
    void refuse(newRequestId());
  refuseUnserved(server, { log, newRequestId, headers: HEADERS, account });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}
