import { unavailableError } from '../kit/errors.ts';
import { type AppRouter, createRouter } from './context.ts';
import type { FastAnswer, FastRoute } from './fast-route.ts';

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
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { status: 'ok' };
  });
}

/** Refuses everything until the process has what it needs to serve. */
export function startingRoutes(): AppRouter {
  return createRouter().all('/{*path}', () => {
    throw unavailableError('Keyturn is starting; try again shortly.');
  });
}
