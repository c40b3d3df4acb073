import type { AppContext } from './context.ts';

/**
 * Answers with JSON. As text: of an object Koa asks first whether it is a `Response`, and for that
 * Node.js loads all of `fetch`, 14 MiB.
 */
export function sendJson(ctx: AppContext, value: object): void {
  ctx.type = 'json';
  ctx.body = JSON.stringify(value);
}
