import type { IncomingMessage, ServerResponse } from 'node:http';
import type Koa from 'koa';
import { AppError } from '../kit/errors.ts';
import type { Logger } from '../kit/log.ts';
import type { App, AppState } from './context.ts';
import { asAppError, notFound, type Problem, renderProblem } from './problem.ts';
import { pathOf } from './target.ts';

/** Makes a page of an error that is a problem document elsewhere. */
export type RenderErrorPage = (
  problem: Problem,
  error: AppError,
  requestId: string,
  method: string | undefined,
) => Problem;

/** What the edge sets itself and an error keeps; a handler's own headers go with its answer. */
const KEPT = /^(?:x-|access-control-|cross-origin-|strict-|content-security|referrer|vary$)/;

/**
 * Renders whatever the routes throw, and a route that answered nothing as a 404: as a problem, or,
 * for a browser that opens a page, as a page.
 */
export function renderErrors(deps: {
  readonly log: Logger;
  readonly renderErrorPage?: RenderErrorPage | undefined;
}): Koa.Middleware<AppState, object> {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) {
        throw new AppError(notFound);
      }
    } catch (thrown) {
      const { requestId } = ctx.state;
      const error = reportError(deps.log, thrown, requestId);
      const page = opensPage(ctx.req) ? deps.renderErrorPage : undefined;
      answer(ctx.res, requestId, error, page);
      ctx.respond = false;
    }
  };
}

/**
 * The last net, for what fails outside the middleware: a body that cannot be written as JSON, a
 * stream that breaks, a client that leaves. Replaces Koa's plain text answer.
 */
export function catchTheRest(app: App, log: Logger): void {
  app.on('error', () => {});
  app.context.onerror = function onerror(this: Koa.Context, thrown: unknown): void {
    if (thrown === null || thrown === undefined || isHangup(thrown)) return;
    const { requestId } = this.state as AppState;
    const error = reportError(log, thrown, requestId);
    if (this.res.headersSent) this.res.destroy();
    else answer(this.res, requestId, error);
  };
}

/** Logs what an operator must see: our own faults with their stack, and what is unavailable. */
export function reportError(log: Logger, thrown: unknown, requestId: string): AppError {
  const error = asAppError(thrown);
  const { spec, extras } = error;
  if (spec.status === 503) {
    log.warn(
      { request_id: requestId, code: spec.code, detail: extras.detail, err: extras.cause },
      'unavailable',
    );
  } else if (spec.status >= 500) {
    const err =
      thrown instanceof Error ? thrown : new Error('something was thrown that is no Error');
    log.error({ request_id: requestId, code: spec.code, err }, 'request failed');
  }
  return error;
}

/** Media types are alike in any case (RFC 9110 section 8.3.1). */
const HTML = /^[ \t]*text\/html[ \t]*(?:;|$)/i;
/** A weight of 0 means "not acceptable" (RFC 9110 section 12.4.2). */
const UNWANTED = /;[ \t]*q=0(?:\.0*)?[ \t]*(?:;|$)/i;

/** Whether a browser opens a page, rather than a program calling the API. */
const opensPage = ({ url = '', headers: { accept = '' } }: IncomingMessage): boolean =>
  accept.split(',').some((range) => HTML.test(range) && !UNWANTED.test(range)) &&
  !/^\/(?:api|\.well-known)(?:\/|$)/.test(pathOf(url));

function answer(
  res: ServerResponse,
  requestId: string,
  error: AppError,
  renderPage?: RenderErrorPage,
): void {
  if (res.headersSent || res.destroyed) return;
  for (const name of res.getHeaderNames()) {
    if (!KEPT.test(name)) res.removeHeader(name);
  }
  const problem = renderProblem(error, requestId);
  const page = renderPage?.(problem, error, requestId, res.req.method);
  const { status, headers, body } = page ?? problem;
  for (const [name, value] of headers) res.setHeader(name, value);
  res.statusCode = status;
  res.end(body);
}

const isHangup = (thrown: unknown): boolean =>
  thrown instanceof Error &&
  'code' in thrown &&
  (thrown.code === 'ECONNRESET' ||
    thrown.code === 'EPIPE' ||
    thrown.code === 'ERR_STREAM_PREMATURE_CLOSE');
