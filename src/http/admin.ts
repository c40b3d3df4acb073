import { createServer, type RequestListener, type Server } from 'node:http';
import { seconds } from '../kit/duration.ts';
import { AppError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import { reportError } from './error-edge.ts';
import { methodNotAllowed, notFound } from './problem.ts';
import { refuseRequest } from './refuse.ts';
import { requestIds } from './request-id.ts';
import { pathOf } from './target.ts';

/** What the private listener needs. */
export interface AdminDeps {
  readonly log: Logger;
  /** The metrics of this moment, with their media type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Enough for a collector and a person who looks, and too little to be worth an attack. */
const LIMITS = { headersTimeout: seconds(5), requestTimeout: seconds(5), maxHeaderSize: 8 * 1024 };
const MAX_CONNECTIONS = 50;

/** The private listener, not yet listening: `GET /metrics` and nothing else. */
export function createAdmin({ log, metrics }: AdminDeps): Server {
  const newRequestId = requestIds();
  const answer: RequestListener = async (req, res) => {
    const requestId = newRequestId();
    try {
      if (pathOf(req.url ?? '') !== '/metrics') throw new AppError(notFound);
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        throw new AppError(methodNotAllowed, { headers: { Allow: 'GET, HEAD' } });
      }
      const { contentType, text } = await metrics();
      const body = Buffer.from(text);
      res.writeHead(200, {
        'X-Request-Id': requestId,
        'Content-Type': contentType,
        'Content-Length': body.length,
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      });
      res.end(req.method === 'HEAD' ? undefined : body);
    } catch (thrown) {
      refuseRequest(res, reportError(log, thrown, requestId), requestId, []);
    }
  };
  const server = createServer(LIMITS, (req, res) => void answer(req, res));
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}
