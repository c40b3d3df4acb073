import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { type AssetSource, type Assets, loadAssets } from '../http/assets.ts';
import type { AppRouter } from '../http/context.ts';
import { pageRouter } from '../http/own-name.ts';
import { slashRoutes } from '../http/slashes.ts';
import { escapeHtml } from '../kit/html-escape.ts';

const MODULES = ['find', 'requests', 'rows', 'todos', 'view'] as const;
/** Each after those that it imports. */
const CLIENT = [
  'error',
  'token',
  'call',
  'session',
  'authorized-fetch',
  'browser',
  'keyturn',
] as const;

const beside = (path: string) => new URL(path, import.meta.url);

/** Where the app finds the rest, whether proxies stand in front of it, and how it looks. */
export interface TodoAppDeps {
  /** An origin. */
  readonly issuer: string;
  readonly trustProxy: number;
  readonly brand: { readonly name: string; readonly logo?: string | undefined };
  /** Paths of style sheets with the colours, before the app's own. */
  readonly theme: readonly string[];
  readonly icon: string;
}

/**
 * The todo app at `/app`: a page of static files, which calls the issuer and the resource server
 * as any other page would.
 */
export async function todoAppRoutes(deps: TodoAppDeps): Promise<AppRouter[]> {
  const modules: Record<string, AssetSource> = {
    ...Object.fromEntries(MODULES.map((name) => [`${name}.ts`, beside(`./browser/${name}.ts`)])),
    // Files of its own would each be asked for, and answered with a dozen headers.
    'client.ts': CLIENT.map((name) => beside(`../client/${name}.ts`)),
  };
  const assets: Assets = await loadAssets('/app/assets', {
    ...modules,
    'app.ts': beside('./browser/app.ts'),
    'app.css': beside('./app.css'),
  });
  // Modules that import each other are asked for all at once.
  const preloads = Object.keys(modules).map(
    (name) => `<link rel="modulepreload" href="${assets.paths[name]}">`,
  );
  const logo = deps.brand.logo ?? deps.icon;
  const styles = deps.theme.map((path) => `<link rel="stylesheet" href="${path}">`);
  const values: Readonly<Record<string, string | undefined>> = {
    ...assets.paths,
    issuer: deps.issuer,
    brand: escapeHtml(deps.brand.name),
    icon: deps.icon,
    logo: escapeHtml(logo),
    styles: styles.join(''),
    preloads: preloads.join(''),
  };
  const template = await readFile(beside('./index.html'), 'utf8');
  const page = template.replaceAll(/\{([\w.]+)\}/g, (_all, name: string) => values[name] ?? '');
  const bodies = { identity: Buffer.from(page), gzip: gzipSync(page) };
  const policy = policyOf(new URL(logo, deps.issuer).origin);
  const pages = pageRouter(deps).get('/app', (ctx) => {
    ctx.set('Content-Security-Policy', policy);
    ctx.type = 'text/html; charset=utf-8';
    ctx.vary('Accept-Encoding');
    const encoding = ctx.acceptsEncodings('gzip', 'identity') === 'gzip' ? 'gzip' : 'identity';
    if (encoding === 'gzip') ctx.set('Content-Encoding', encoding);
    ctx.body = bodies[encoding];
  });
  return [pages, slashRoutes([pages]), assets.routes];
}

/** Nothing but its own files and the logo; Trusted Types keep texts from becoming scripts. */
const policyOf = (logoOrigin: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    `img-src 'self' ${logoOrigin}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
