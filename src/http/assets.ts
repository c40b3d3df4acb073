import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { AppError } from '../kit/errors.ts';
import { type AppContext, type AppRouter, createRouter } from './context.ts';
import { notFound } from './problem.ts';
import { stripTypes } from './strip-types.ts';

/**
 * What a static file is made from: a file beside a module, several of one folder put together
 * (modules after those that they import, no name in two of them), or text that was made up at the
 * start.
 */
export type AssetSource = URL | readonly URL[] | { readonly text: string };

/** Static files that are ready to be served. */
export interface Assets<Name extends string = string> {
  /** The path of each file by the name it was given; changes with its content. */
  readonly paths: Readonly<Record<Name, string>>;
  readonly routes: AppRouter;
}

interface Asset {
  readonly type: string;
  readonly identity: Buffer;
  /** By the encodings that were asked for. */
  readonly compressed: Map<Compression, Promise<Buffer>>;
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
  woff2: 'font/woff2',
};

const REFERENCE =
  /(?<before>\bfrom\s*['"]|\bimport\s*\(?\s*['"]|url\(['"]?)(?<to>\.{1,2}\/[^'")]+)/g;

/**
 * Reads static files, once a start: types are stripped of TypeScript, relative references to other
 * files of the set (imports, `url()` in CSS) become their paths. Paths hold a hash of the content,
 * so that browsers keep them for good. What is asked for is compressed once: at the start it would
 * hold up all the rest. `prefix` is like `/assets`.
 * @throws Error for a reference to a file outside of the set, or in a circle
 */
export async function loadAssets<Name extends string>(
  prefix: string,
  files: Readonly<Record<Name, AssetSource>>,
): Promise<Assets<Name>> {
  const entries = Object.entries<AssetSource>(files);
  const paths: Record<string, string> = {};
  const assets = new Map<string, Asset>();
  const byUrl = new Map(
    entries.flatMap((entry) => urlsOf(entry[1]).map(({ href }) => [href, entry] as const)),
  );

  async function add(name: string, source: AssetSource, above: readonly string[]): Promise<string> {
    const known = paths[name];
    if (known !== undefined) return known;
    if (above.includes(name)) throw new Error(`static files refer to each other: ${name}`);
    const [stem, extension] = splitName(name);
    const raw = await read(source);
    const content = isText(extension) ? await link(raw.toString(), source, [...above, name]) : raw;
    const digest = createHash('sha256').update(content).digest('base64url').slice(0, 12);
    const file = `${stem}-${digest}.${extension}`;
    const [type, identity] = [TYPES[extension] ?? '', Buffer.from(content)];
    assets.set(file, { type, identity, compressed: new Map() });
    paths[name] = `${prefix}/${file}`;
    return paths[name];
  }

  async function link(text: string, source: AssetSource, above: readonly string[]) {
    const base = baseOf(source);
    if (base === undefined) return text;
    for (const { groups } of text.matchAll(REFERENCE)) {
      const url = sourceOf(groups?.to ?? '', base);
      const found = byUrl.get(url.href);
      if (!found) throw new Error(`${base.pathname} refers to ${url.pathname}`);
      await add(...found, above);
    }
    return text.replaceAll(REFERENCE, (_all, before: string, to: string) => {
      return before + paths[byUrl.get(sourceOf(to, base).href)?.[0] ?? ''];
    });
  }

  for (const [name, source] of entries) await add(name, source, []);
  const routes = createRouter().get(`${prefix}/:file`, (ctx) => {
    const asset = assets.get(ctx.params.file ?? '');
    if (asset === undefined) throw new AppError(notFound);
    return send(ctx, asset);
  });
  return { paths: paths as Record<Name, string>, routes };
}

/** `app.ts` is served as `app-….js`. */
function splitName(name: string): [stem: string, extension: string] {
  const dot = name.lastIndexOf('.');
  const written = name.slice(dot + 1);
  const extension = written === 'ts' ? 'js' : written;
  if (!Object.hasOwn(TYPES, extension)) throw new Error(`${name} has no known media type`);
  return [name.slice(0, dot), extension];
}

const isText = (extension: string): boolean => extension === 'js' || extension === 'css';

/** Packed, modules name each other as JavaScript, while the set still names the source. */
const sourceOf = (reference: string, from: URL): URL =>
  new URL(from.pathname.endsWith('.ts') ? reference.replace(/\.js$/, '.ts') : reference, from);

function urlsOf(source: AssetSource): readonly URL[] {
  if (source instanceof URL) return [source];
  return 'text' in source ? [] : source;
}

/** What relative references begin at. */
const baseOf = (source: AssetSource): URL | undefined => urlsOf(source)[0];

async function read(source: AssetSource): Promise<Buffer> {
  if (!(source instanceof URL)) {
    return 'text' in source
      ? Buffer.from(source.text)
      : Buffer.from((await Promise.all(source.map(read))).map(asPart).join(''));
  }
  if (!source.pathname.endsWith('.ts')) return readFile(source);
  // Packed, what runs in browsers has become JavaScript like everything else.
  if (import.meta.url.endsWith('.js')) {
    return readFile(new URL(source.href.replace(/\.ts$/, '.js')));
  }
  return Buffer.from(stripTypes(await readFile(source, 'utf8')));
}

/** Of a module that is put together with those around it, what it says without naming them. */
const asPart = (part: Buffer): string =>
  part.toString().replaceAll(/^(?:import|export) [^;']*from '\.\/[^']*';$/gm, '');

const COMPRESSORS = { br: promisify(brotliCompress), gzip: promisify(gzip) };
type Compression = keyof typeof COMPRESSORS;

function compress({ identity, compressed }: Asset, encoding: Compression): Promise<Buffer> {
  const known = compressed.get(encoding);
  if (known) return known;
  const body = COMPRESSORS[encoding](identity);
  compressed.set(encoding, body);
  // Without memory for it just now; whoever asks next has another try.
  body.catch(() => compressed.delete(encoding));
  return body;
}

async function send(ctx: AppContext, asset: Asset): Promise<void> {
  ctx.set('Content-Type', asset.type);
  ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
  ctx.vary('Accept-Encoding');
  // Fonts are compressed already.
  const offered = asset.type.startsWith('font/') ? [] : Object.keys(COMPRESSORS);
  const encoding = ctx.acceptsEncodings(...offered, 'identity') || 'identity';
  if (encoding === 'identity') {
    ctx.body = asset.identity;
    return;
  }
  ctx.set('Content-Encoding', encoding);
  ctx.body = await compress(asset, encoding as Compression);
}
