import type { IncomingMessage } from 'node:http';
import { AppError, type ErrorSpec, invalidRequest } from '../kit/errors.ts';

const MAX_TARGET = 8192;

/** The request's target is longer than anything we serve. */
export const uriTooLong: ErrorSpec = {
  status: 414,
  code: 'invalid_request',
  title: 'The request target is too long',
};

/** Turns an absolute-form target (RFC 9112 section 3.2.2) into the path that it asks for. */
export function normaliseTarget(req: IncomingMessage): void {
  const target = req.url ?? '/';
  if (target.charCodeAt(0) === 0x2f) return;
  const authority = /^https?:\/\/[^/?#]*/i.exec(target);
  if (!authority) return;
  const rest = target.slice(authority[0].length);
  req.url = rest.startsWith('/') ? rest : `/${rest}`;
}

/** The path of a target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
}

/**
 * Refuses targets that no route may see: too long, with broken percent-encoding, or with an
 * encoded control character. Throws an `AppError`. Dot segments, doubled and trailing slashes are
 * left alone, no route matches them.
 */
export function checkTarget(req: IncomingMessage): void {
  const target = req.url ?? '/';
  if (target.length > MAX_TARGET) {
    throw new AppError(uriTooLong, { detail: `At most ${MAX_TARGET} characters are read.` });
  }
  // Koa's URL parser would drop a fragment and trim white space of other alphabets.
  if (/[^\x21-\x7e]|#/.test(target)) {
    throw new AppError(invalidRequest, { detail: 'The request target has a forbidden character.' });
  }
  const path = pathOf(target);
  if (!path.includes('%')) return;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw new AppError(invalidRequest, { detail: 'The path is not valid percent-encoding.' });
  }
  if (/\p{Cc}/u.test(decoded)) {
    throw new AppError(invalidRequest, { detail: 'The path contains a control character.' });
  }
}

/**
 * A header as `headers` has it. Node.js makes that object when it is first asked for, a twentieth of
 * what a prebuilt answer takes: so it is not asked for what was not sent.
 */
export const headerOf = (req: IncomingMessage, lowerCaseName: string): string | undefined => {
  if (headerCount(req, lowerCaseName) === 0) return undefined;
  const value = req.headers[lowerCaseName];
  return typeof value === 'string' ? value : undefined;
};

/** How often a header was sent; `headers` shows only the first of those that may come once. */
export function headerCount(req: IncomingMessage, lowerCaseName: string): number {
  let count = 0;
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i] ?? '';
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) count += 1;
  }
  return count;
}
