import type { IncomingMessage } from 'node:http';
import type { Clock } from '../kit/clock.ts';
import type { Logger, WriteLine } from '../kit/log.ts';
import { redactText } from '../kit/log-redact.ts';
import { upstreamRequestId } from './request-id.ts';
import { headerOf, pathOf } from './target.ts';

const MAX_PATH = 512;

/** One answered request, as metrics want it. `route` is a pattern: few distinct values. */
export interface ResponseInfo {
  readonly route: string | null;
  readonly method: string;
  /** 499 for a client that left before its answer was complete. */
  readonly status: number;
  readonly seconds: number;
}

/** What the access log needs. */
export interface AccessLogDeps {
  readonly log: Logger;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** A logger's own formatting costs half as much again as a prebuilt answer; it is used without this. */
  readonly writeLine?: WriteLine;
  readonly onResponse?: (info: ResponseInfo) => void;
  /** Follows each request, for traces. */
  readonly follower?: RequestFollower;
}

/** Follows requests from their beginning to their end. */
export interface RequestFollower {
  /** Serves a request. @param traceparent what the caller says of its own trace, unchecked */
  follow(req: IncomingMessage, traceparent: string | undefined, serve: () => void): void;
  /** The request was answered; it may be one that was never followed. */
  ended(
    req: IncomingMessage,
    served: {
      readonly method: string;
      readonly route: string | null;
      readonly status: number;
      readonly requestId: string;
    },
  ): void;
}

/** What a log line says beyond what the request itself tells. */
export interface RequestEnd {
  readonly requestId: string;
  readonly address: string;
  readonly route: string | null;
  readonly status: number;
  /** `clock.monotonic()` when the request came. */
  readonly startedAt: number;
}

/** Writes the one log line of a request, without query, and counts it. */
export function logRequest(deps: AccessLogDeps, req: IncomingMessage, end: RequestEnd): void {
  const milliseconds = deps.clock.monotonic() - end.startedAt;
  const method = req.method ?? '';
  if (deps.log.isLevelEnabled('info')) writeRequest(deps, req, end, milliseconds);
  deps.follower?.ended(req, { ...end, method });
  deps.onResponse?.({ route: end.route, method, status: end.status, seconds: milliseconds / 1000 });
}

/** What in a path may be percent-encoded, or not, and is the same (RFC 3986 section 2.3). */
const UNRESERVED = /%(?:2[de]|3\d|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae])/gi;

/** A path without what looks like a token, however it is written; shortened only then. */
function loggable(path: string): string {
  const plain = path.includes('%')
    ? path.replace(UNRESERVED, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    : path;
  return redactText(plain, MAX_PATH);
}

function writeRequest(
  deps: AccessLogDeps,
  req: IncomingMessage,
  end: RequestEnd,
  milliseconds: number,
): void {
  const asked = pathOf(req.url ?? '');
  const path = asked === end.route ? asked : loggable(asked);
  const duration = Math.round(milliseconds * 1000) / 1000;
  const upstream = upstreamRequestId(headerOf(req, 'x-request-id'));
  if (deps.writeLine === undefined) {
    const { requestId: request_id, route, status, address } = end;
    const fields = { request_id, method: req.method, path, route, status, duration_ms: duration };
    deps.log.info({ ...fields, address, upstream_request_id: upstream }, 'request');
    return;
  }
  // Ids, methods, addresses and numbers need no escapes; paths and patterns may.
  const route = end.route === null ? 'null' : JSON.stringify(end.route);
  const above = upstream === undefined ? '' : `,"upstream_request_id":"${upstream}"`;
  deps.writeLine(
    `"request_id":"${end.requestId}","method":"${req.method}","path":${JSON.stringify(path)},` +
      `"route":${route},"status":${end.status},"duration_ms":${duration},` +
      `"address":"${end.address}"${above},"msg":"request"`,
    // A path that is its route's own and an address hold no token; an id from above might.
    path === end.route && upstream === undefined,
  );
}
