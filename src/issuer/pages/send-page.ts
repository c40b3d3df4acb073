import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { AppContext } from '../../http/context.ts';
import { type Html, textOf } from './html.ts';
import type { Site } from './site.ts';

/** Answers with a page, under the pages' own Content-Security-Policy. */
export function sendPage(ctx: AppContext, site: Site, page: Html, status = 200): void {
  ctx.status = status;
  ctx.set('Content-Security-Policy', site.policy);
  ctx.set('Content-Type', 'text/html; charset=utf-8');
  ctx.body = textOf(page);
}

const compress = promisify(gzip);

/**
 * Answers with a page that may be long, compressed. Only for one that holds nothing of the request:
 * whoever can choose a part of a page could tell what else is in it by how small it becomes.
 */
export async function sendLongPage(ctx: AppContext, site: Site, page: Html): Promise<void> {
  sendPage(ctx, site, page);
  ctx.vary('Accept-Encoding');
  if (ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') return;
  ctx.body = await compress(textOf(page));
  ctx.set('Content-Encoding', 'gzip');
}

/** Sends the browser on after a form, so that reloading sends nothing again. */
export function seeOther(ctx: AppContext, location: string): void {
  // A form may end at an allowed origin: browsers hold the redirect to the policy as well.
  ctx.status = 303;
  ctx.set('Location', location);
  ctx.body = '';
}
