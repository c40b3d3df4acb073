import { readFileSync } from 'node:fs';

/** Where a checkout has its bundle, under the checkout. */
export const BUNDLE = 'node_modules/.cache/keyturn/bundle';

const directory = new URL(`../../${BUNDLE}/`, import.meta.url).href;

/** A part of a bundled file: what it was made of, and the line that it begins with. */
interface Part {
  readonly source: string;
  readonly line: number;
}
const parts = new Map<string, readonly Part[]>();

/** Names the source at each place in a stack that leads into the bundle. */
export function withSources(stack: string): string {
  if (!stack.includes(directory)) return stack;
  return stack.replaceAll(/(file:\S+\/)([\w-]+\.mjs):(\d+):\d+/g, (place, folder, file, line) => {
    const source = folder === directory && sourceAt(file, Number(line));
    return source ? `${source} in ${place}` : place;
  });
}

function sourceAt(file: string, line: number): string | undefined {
  const known = parts.get(file) ?? partsOf(file);
  parts.set(file, known);
  return known.findLast((part) => part.line <= line)?.source;
}

/** Each part of a bundled file begins with its source as a comment. */
function partsOf(file: string): Part[] {
  let text: string;
  try {
    text = readFileSync(new URL(file, directory), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((content, index) => {
    const [, source] =
      /^\s*\/\/ ((?:\.\.\/|src\/|migrations\/|node_modules\/)\S+)$/.exec(content) ?? [];
    return source === undefined ? [] : [{ source, line: index + 1 }];
  });
}
