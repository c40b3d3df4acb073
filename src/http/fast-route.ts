import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../kit/errors.ts';
import { OPEN_PREFLIGHT, OPEN_TO_ALL } from './cors.ts';
import { methodNotAllowed } from './problem.ts';
import { refuseRequest } from './refuse.ts';
import { type ReusableHead, reusableHead } from './reusable-head.ts';
import { headerOf } from './target.ts';

/** An answer made in advance. Hand out the same object until it changes: it is prepared once. */
export interface FastAnswer {
  readonly status: number;
  /** Content-Type, Cache-Control and the like; length, ETag, CORS and the rest are added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** With its quotes. Without one there are no conditional requests. */
  readonly etag?: string;
}

/** What a path that answers before Koa says at this moment; open to every origin. */
export type FastRoute = () => FastAnswer;

const ALLOW = 'GET, HEAD, OPTIONS';

/** A fast route with its header lists ready to write; the request id goes into slot 1. */
export interface PreparedRoute {
  readonly path: string;
  readonly route: FastRoute;
  answer: FastAnswer | undefined;
  /** The body byte for byte as text: Node.js sends text together with the head, in one write. */
  text: string;
  full: string[];
  notModified: string[];
  readonly head: ReusableHead;
}

/** A route whose lists are made with its first answer, and anew when that changes. */
export const prepareRoute = (path: string, route: FastRoute): PreparedRoute => ({
  path,
  route,
  answer: undefined,
  text: '',
  full: [],
  notModified: [],
  head: reusableHead(),
});

/** One request for a fast route. */
export interface FastRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  /** `clock.monotonic()` when it came. */
  readonly startedAt: number;
}

/** Answers a request for a fast route and returns the status. */
export function answerFast(
  prepared: PreparedRoute,
  { req, res, requestId, startedAt }: FastRequest,
  security: readonly string[],
): number {
  const { method } = req;
  if (method !== 'GET' && method !== 'HEAD') return answerOther(req, res, requestId, security);
  const answer = prepared.route();
  if (answer !== prepared.answer) prepare(prepared, answer, security);
  const match = headerOf(req, 'if-none-match');
  if (match !== undefined && answer.status === 200 && matches(match, answer.etag)) {
    prepared.notModified[1] = requestId;
    res.writeHead(304, prepared.notModified).end();
    return 304;
  }
  if (method === 'HEAD') {
    prepared.full[1] = requestId;
    res.writeHead(answer.status, prepared.full).end();
    return answer.status;
  }
  res.statusCode = answer.status;
  if (!prepared.head.write(res, requestId, startedAt)) {
    prepared.full[1] = requestId;
    res.writeHead(answer.status, prepared.full);
    prepared.head.keep(res, requestId, startedAt);
  }
  res.end(prepared.text, 'latin1');
  return answer.status;
}

function prepare(prepared: PreparedRoute, answer: FastAnswer, security: readonly string[]): void {
  const common = ['X-Request-Id', '', ...security, ...OPEN_TO_ALL];
  const own = Object.entries(answer.headers);
  const validators = answer.etag === undefined ? [] : ['ETag', answer.etag];
  const cacheable = own.filter(([name]) => !name.toLowerCase().startsWith('content-'));
  prepared.full = [...common, ...own.flat(), ...validators];
  prepared.full.push('Content-Length', String(answer.body.length));
  prepared.notModified = [...common, ...cacheable.flat(), ...validators];
  prepared.text = answer.body.toString('latin1');
  prepared.answer = answer;
  prepared.head.forget();
}

function answerOther(
  { method, headers }: IncomingMessage,
  res: ServerResponse,
  requestId: string,
  security: readonly string[],
): number {
  const common = [...security, ...OPEN_TO_ALL];
  if (method === 'OPTIONS') {
    if (headers['access-control-request-method'] !== undefined) common.push(...OPEN_PREFLIGHT);
    res.writeHead(204, ['X-Request-Id', requestId, ...common, 'Allow', ALLOW]).end();
    return 204;
  }
  const error = new AppError(methodNotAllowed, { headers: { Allow: ALLOW } });
  refuseRequest(res, error, requestId, common);
  return error.spec.status;
}

/** RFC 9110 section 13.1.2: any in a list, or `*`, compared weakly. */
function matches(ifNoneMatch: string, etag: string | undefined): boolean {
  if (etag === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === '*') return true;
  const tags = ifNoneMatch.match(/"[^"]*"/g);
  return tags?.includes(etag.replace(/^W\//, '')) ?? false;
}
