import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** The checkout. */
export const ROOT = join(import.meta.dirname, '../..');

/** A page by its path in the checkout. */
export const readPage = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Every page for people, by its path in the checkout. */
export const pages = (): string[] =>
  globSync(['*.md', '{docs,examples,keys,bench}/**/*.md'], {
    cwd: ROOT,
    exclude: ['**/node_modules/**'],
  }).sort();

/** A fenced block: the words behind the fence, and the text. */
export interface Block {
  readonly info: string;
  readonly text: string;
}

/** The fenced blocks of a page, in order. */
export const blocksOf = (page: string): Block[] =>
  [...page.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info = '', text = '']) => ({
    info: info.trim(),
    text,
  }));

/** The fenced block with these words behind its fence. */
export function blockOf(page: string, info: string): string {
  const found = blocksOf(page).filter((block) => block.info === info);
  if (found.length !== 1) throw new Error(`${found.length} blocks are called ${info}`);
  return found[0]?.text ?? '';
}

/** What stands under a heading, up to the next one of its level. */
export function sectionOf(page: string, heading: string): string {
  const [marks = ''] = heading.split(' ');
  const start = page.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`there is no heading ${heading}`);
  const body = page.slice(start + heading.length + 2);
  const end = body.search(new RegExp(`^#{1,${marks.length}} `, 'm'));
  return end < 0 ? body : body.slice(0, end);
}

/** The rows of a section's tables, as cells; without the heads. */
export const rowsOf = (section: string): string[][] =>
  [...section.matchAll(/^\| *(.+?) *\|$/gm)]
    .map(([, row = '']) => row.split(/ *(?<!\\)\| */))
    .filter((_, i, rows) => !isRule(rows[i]) && !isRule(rows[i + 1]));

const isRule = (row: readonly string[] | undefined): boolean =>
  row?.every((cell) => /^:?-+:?$/.test(cell)) ?? false;

/** A page without what it quotes as code. */
const prose = (page: string): string =>
  page.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');

/** What the links and pictures of a page lead to, in this checkout: a path and an anchor. */
export const linksOf = (path: string): { readonly to: string; readonly anchor: string }[] =>
  [...prose(readPage(path)).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)]
    .map(([, link, source]) => link ?? source ?? '')
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [to = '', anchor = ''] = link.split('#');
      return { to: to === '' ? path : normalize(join(dirname(path), to)), anchor };
    });

/** The anchors of a page's headings, as GitHub makes them. */
export const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...page.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
