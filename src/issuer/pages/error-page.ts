import type { RenderErrorPage } from '../../http/error-edge.ts';
import { internal } from '../../http/problem.ts';
import { errorPage } from './home-view.ts';
import { textOf } from './html.ts';
import type { Site } from './site.ts';

/** Renders errors as pages: the status and headers of the problem, its words, and a way on. */
export const errorPages =
  (site: Site): RenderErrorPage =>
  ({ status, headers }, { spec, extras }, requestId) => {
    // What went wrong inside is nobody's business outside.
    const detail = spec === internal ? 'We keep a record of it. Please try again.' : extras.detail;
    const page = errorPage(site, { status, title: spec.title, detail }, requestId);
    const body = Buffer.from(textOf(page));
    const own = headers.filter(([name]) => !/^content-(?:type|length)$/i.test(name));
    return {
      status,
      headers: [
        ...own,
        ['Content-Type', 'text/html; charset=utf-8'],
        ['Content-Length', String(body.length)],
        ['Content-Security-Policy', site.policy],
      ],
      body,
    };
  };
