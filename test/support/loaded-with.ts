import { posix } from 'node:path';
import { readSource } from './source-file.ts';

/**
 * The packages that come with some source files, before any of their code runs: by what they
 * import and what that imports, but for types and for `import('…')`.
 */
export function loadedWith(sources: ReadonlyMap<string, string>, entries: readonly string[]) {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    const code = sources.get(path);
    if (code === undefined) throw new Error(`there is no ${path}`);
    if (seen.has(path)) return;
    seen.add(path);
    for (const { specifier = '', typeOnly, lazy } of readSource(path, code).imports) {
      if (typeOnly || lazy) continue;
      if (specifier.startsWith('.')) visit(posix.join(posix.dirname(path), specifier));
      else packages.add(specifier);
    }
  };
  for (const entry of entries) visit(entry);
  return packages;
}
