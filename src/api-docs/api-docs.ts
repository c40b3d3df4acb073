import { createHash } from 'node:crypto';
import type { AppRouter } from '../http/context.ts';
import type { FastAnswer, FastRoute } from '../http/fast-route.ts';
import { type DocumentDeps, openApiDocument } from './document.ts';
import { DOCUMENT_OPERATIONS } from './operations.ts';
import { type ViewerDeps, viewerRoutes } from './viewer.ts';

/** The description of an API, for machines and for people. */
export interface ApiDocs {
  readonly documents: ReadonlyMap<string, FastRoute>;
  readonly routes: readonly AppRouter[];
}

/** Describes the calls of a process at `/openapi.json` and `/docs`. */
export async function openApiDocs(deps: DocumentDeps & ViewerDeps): Promise<ApiDocs> {
  const operations = [...deps.operations, ...DOCUMENT_OPERATIONS];
  return {
    documents: new Map([['/openapi.json', documentRoute({ ...deps, operations })]]),
    routes: await viewerRoutes(deps),
  };
}

/** Made when it is first asked for: most processes never are. */
function documentRoute(deps: DocumentDeps): FastRoute {
  let answer: FastAnswer | undefined;
  return () => {
    answer ??= render(deps);
    return answer;
  };
}

function render(deps: DocumentDeps): FastAnswer {
  const body = Buffer.from(JSON.stringify(openApiDocument(deps)));
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'public, max-age=300' },
    body,
    etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
  };
}
