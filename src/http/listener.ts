import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { type Duration, seconds } from '../kit/duration.ts';
import { type AccessLogDeps, logRequest } from './access-log.ts';
import { clientAddress, notePeer } from './address.ts';
import { awaitAsking, boundUnread, keepNoLonger } from './body.ts';
import { closeGently, currentResponse, isBehindTheLast, isUnfinished } from './connection.ts';
import { answerFast, type FastRoute, type PreparedRoute, prepareRoute } from './fast-route.ts';
import { judgeHead } from './head.ts';
import { type NewRequestId, requestIds } from './request-id.ts';
import { securityHeaders } from './security-headers.ts';
import { normaliseTarget, pathOf } from './target.ts';
import { OWN_HOST_CHECK, refuseUnserved } from './unserved.ts';

/** What the listener needs; `issuer` is its origin. */
export interface ListenerDeps extends AccessLogDeps {
  readonly issuer: string;
  readonly trustProxy: number;
  readonly newRequestId?: NewRequestId;
}

const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: seconds(10),
  requestTimeout: seconds(15),
  // Longer than what common proxies keep idle connections for, or they send into a closed one.
  keepAliveTimeout: seconds(65),
  connectionsCheckingInterval: seconds(1),
  ...OWN_HOST_CHECK,
};

/** What nobody reads, or sends, for so long is let go; longer than any request waits for its turn. */
const SILENCE = seconds(60);

interface Connections {
  readonly sockets: Set<Socket>;
  draining: boolean;
}

const connectionsOf = new WeakMap<Server, Connections>();

/**
 * The HTTP server, not yet listening: answers the exact paths of `fast` itself and leaves the rest
 * to the application; `fast` may grow while it listens.
 */
export function createListener(
  deps: ListenerDeps,
  app: { callback(): RequestListener | ((req: IncomingMessage, res: ServerResponse) => unknown) },
  fast: ReadonlyMap<string, FastRoute>,
): Server {
  const koa = app.callback();
  const security = securityHeaders(deps.issuer);
  const newRequestId = deps.newRequestId ?? requestIds();
  const prepared = new Map<string, PreparedRoute>();
  const connections: Connections = { sockets: new Set(), draining: false };

  const logged = (
    req: IncomingMessage,
    answer: (requestId: string, startedAt: number) => number,
    route?: string,
  ) => {
    const startedAt = deps.clock.monotonic();
    const requestId = newRequestId();
    const status = answer(requestId, startedAt);
    const address = clientAddress(req, deps.trustProxy);
    logRequest(deps, req, { requestId, address, route: route ?? null, status, startedAt });
  };
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    if (isBehindTheLast(req)) return;
    if (connections.draining) keepNoLonger(res);
    normaliseTarget(req);
    const path = pathOf(req.url ?? '');
    const route = fast.get(path);
    const head = judgeHead({ req, res });
    if (route === undefined || head === 'faulty') {
      koa(req, res);
      return;
    }
    if (head === 'body') boundUnread({ req, res });
    const ready = prepared.get(path) ?? prepareRoute(path, route);
    prepared.set(path, ready);
    const answer = (requestId: string, startedAt: number) =>
      answerFast(ready, { req, res, requestId, startedAt }, security);
    logged(req, answer, path);
  };

  const { follower } = deps;
  const handle = follower
    ? (req: IncomingMessage, res: ServerResponse) =>
        follower.follow(req, req.headers.traceparent as string | undefined, () => serve(req, res))
    : serve;

  const server = createServer(LIMITS, handle);
  server.timeout = SILENCE;
  connectionsOf.set(server, connections);
  server.on('connection', (socket: Socket) => {
    if (!notePeer(socket)) {
      socket.destroy();
      return;
    }
    connections.sockets.add(socket);
    socket.once('close', () => connections.sockets.delete(socket));
  });
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
    awaitAsking(res);
    handle(req, res);
  });
  const headers = [...security, 'Vary', 'Origin'];
  refuseUnserved(server, { log: deps.log, newRequestId, headers, account: logged });
  return server;
}

/**
 * Stops accepting, closes connections without a request, lets the others finish theirs with
 * `Connection: close`, and closes what is left after `grace`. Resolves when all are closed.
 */
export async function drain(server: Server, grace: Duration = seconds(10)): Promise<void> {
  const connections = connectionsOf.get(server);
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (connections) {
    connections.draining = true;
    for (const socket of connections.sockets) {
      const response = currentResponse(socket);
      if (response) finishAndClose(server, response);
      // Node counts a connection on which nothing has come yet as busy.
      else if (socket.bytesRead === 0) socket.destroy();
      // Its answer is out, and may not have been read yet.
      else if (isUnfinished(socket)) closeGently(socket);
    }
  }
  const timer = setTimeout(() => server.closeAllConnections(), grace);
  await closed;
  clearTimeout(timer);
}

function finishAndClose(server: Server, response: ServerResponse): void {
  keepNoLonger(response);
  // Too late for the header when it is already out: close the connection once it is idle.
  response.once('close', () => setImmediate(() => server.closeIdleConnections()));
}
