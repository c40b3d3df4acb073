import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { loadAssets } from '../http/assets.ts';
import { type AppRouter, createRouter } from '../http/context.ts';
import { pageRouter } from '../http/own-name.ts';
import { notFound } from '../http/problem.ts';
import { slashRoutes } from '../http/slashes.ts';
import { AppError } from '../kit/errors.ts';
import { SWAGGER_UI } from './swagger-ui.ts';

const beside = (path: string): URL => new URL(path, import.meta.url);
const PREFIX = '/docs/assets';

/** Where the page may be seen. */
export interface ViewerDeps {
  /** The own issuer, by whose name pages are called; undefined where there is none. */
  readonly issuer: string | undefined;
  readonly trustProxy: number;
}

/** The page at `/docs` that shows the document, by Swagger UI. */
export async function viewerRoutes({ issuer, trustProxy }: ViewerDeps): Promise<AppRouter[]> {
  const own = await loadAssets(PREFIX, {
    'viewer.ts': beside('./browser/viewer.ts'),
    'viewer.css': beside('./viewer.css'),
  });
  const paths: Record<string, string> = {
    ...own.paths,
    'swagger-ui.js': `${PREFIX}/swagger-ui/${SWAGGER_UI.version}/bundle.js`,
    'swagger-ui.css': `${PREFIX}/swagger-ui/${SWAGGER_UI.version}/style.css`,
  };
  const text = await readFile(beside('./viewer.html'), 'utf8');
  const page = Buffer.from(text.replaceAll(/\{([\w.-]+)\}/g, (_all, name) => paths[name] ?? ''));
  const pages = issuer === undefined ? createRouter() : pageRouter({ issuer, trustProxy });
  pages.get('/docs', (ctx) => {
    ctx.set('Content-Security-Policy', POLICY);
    ctx.type = 'text/html; charset=utf-8';
    ctx.body = page;
  });
  return [pages, own.routes, swaggerUi(), slashRoutes([pages])];
}

/** Nothing from elsewhere and nothing inline; the icons in Swagger UI's style are data. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const decompress = promisify(brotliDecompress);

/** Its two large files are read when somebody looks at the page. */
function swaggerUi(): AppRouter {
  const plain = new Map<string, Promise<Buffer>>();
  const decompressed = (name: string, packed: Buffer): Promise<Buffer> => {
    const known = plain.get(name);
    if (known) return known;
    const body = decompress(packed);
    plain.set(name, body);
    body.catch(() => plain.delete(name));
    return body;
  };
  return createRouter().get(`${PREFIX}/swagger-ui/${SWAGGER_UI.version}/:file`, async (ctx) => {
    const file = SWAGGER_UI.files.find(({ name }) => name === ctx.params.file);
    if (!file) throw new AppError(notFound);
    const packed = await readFile(file.url);
    // Browsers take Brotli over https and from this machine: hardly anybody needs the other.
    const br = ctx.acceptsEncodings('br', 'identity') === 'br';
    const body = br ? packed : await decompressed(file.name, packed);
    ctx.set('Content-Type', file.type);
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.vary('Accept-Encoding');
    if (br) ctx.set('Content-Encoding', 'br');
    ctx.body = body;
  });
}
