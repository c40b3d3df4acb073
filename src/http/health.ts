import { unavailableError } from '../kit/errors.ts';
import { escapeHtml } from '../kit/html-escape.ts';
import { type AppRouter, createRouter } from './context.ts';
import type { RenderErrorPage } from './error-edge.ts';
import type { FastAnswer, FastRoute } from './fast-route.ts';
import { sendJson } from './send-json.ts';

const ALIVE: FastAnswer = {
  status: 200,
  headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
  body: Buffer.from('{"status":"ok"}'),
};

/** `GET /healthz`: the process lives, whatever else is away. */
export const healthRoute: FastRoute = () => ALIVE;

/**
 * `GET /readyz`: 200 when `missing` finds nothing missing, else 503 naming it in the detail.
 * @param missing what keeps this process from serving, in words; may ask the database
 */
export function readyRoutes(missing: () => Promise<readonly string[]>): AppRouter {
  return createRouter().get('/readyz', async (ctx) => {
    const faults = await missing();
    if (faults.length > 0) throw unavailableError(`Not ready: ${faults.join('; ')}.`);
    sendJson(ctx, { status: 'ok' });
  });
}

/** Refuses everything until the process has what it needs to serve. */
export function startingRoutes(): AppRouter {
  return createRouter().all('/{*path}', () => {
    throw unavailableError('Keyturn is starting; try again shortly.');
  });
}

/**
 * What a browser shows meanwhile: bare, since the pages' own looks come with what is being started,
 * and loaded anew by itself, unless it stands where the answer to a form would.
 */
export const startingPage: RenderErrorPage = ({ status, headers }, { extras }, _id, method) => {
  const body = Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>One moment</title>
<h1>One moment</h1>
<p>${escapeHtml(extras.detail ?? '')}</p>
</html>
`);
  const kept = headers.filter(([name]) => !/^content-(?:type|length)$/i.test(name));
  const again = method === 'GET' && extras.retryAfter !== undefined;
  return {
    status,
    headers: [
      ...kept,
      ['Content-Type', 'text/html; charset=utf-8'],
      ['Content-Length', String(body.length)],
      ...(again ? [['Refresh', String(extras.retryAfter)] as const] : []),
    ],
    body,
  };
};
