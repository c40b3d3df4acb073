// npm run bundle, and npm ci by way of `prepare`: joins the program and its packages into a few
// files beside the packages. A start with them takes half of the time, and they are taken as long as
// they are of the same sources (src/cli/program.ts). Where there is no bundler the sources run.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';
import { type Contents, fingerprintOf } from '../src/cli/program.ts';
import { BUNDLE } from '../src/kit/bundle.ts';

/** Packages that hold machine code, or read files of their own. */
const APART = [/^@node-rs\/argon2/, 'argon2', '@electric-sql/pglite', 'pino-pretty', 'pg-native'];

const root = join(import.meta.dirname, '..');
const target = join(root, BUNDLE);
const underRoot = (path: string): string => relative(root, path).replaceAll(sep, '/');
const inputs = new Set<string>();

const sources: Plugin = {
  name: 'sources',
  transform(code, id) {
    if (id.startsWith('\0')) return undefined;
    const path = underRoot(id);
    const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    inputs.add(folder === undefined ? path : `${folder}/package.json`);
    if (folder !== undefined) return undefined;
    // What a source asks about its place is not about the bundle's.
    const place = `new URL('${relative(target, id).replaceAll(sep, '/')}', import.meta.url).href`;
    if (/\bimport\.meta\.(?!url\b)/.test(code))
      throw new Error(`${path}: more than import.meta.url`);
    return code.replaceAll(/\bimport\.meta\.url\b/g, place);
  },
};

/** With one letter past Latin 1 V8 takes two bytes for each that a file has. */
const inLatin1 = (code: string): string =>
  code.replaceAll(/[^\0-\xff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });

const bundle = await rolldown({
  input: join(root, 'src/cli.ts'),
  platform: 'node',
  cwd: root,
  external: APART,
  plugins: [sources],
  onLog(_level, { code, message }) {
    if (code === 'UNRESOLVED_IMPORT') throw new Error(message);
  },
});
const { output } = await bundle.generate({
  dir: target,
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name].mjs',
  // V8 keeps the text of all that is loaded.
  comments: { jsdoc: false },
});
mkdirSync(dirname(target), { recursive: true });
const unfinished = mkdtempSync(`${target}-`);
try {
  for (const file of output) {
    if (file.type === 'asset') throw new Error(`${file.fileName} is no code`);
    writeFileSync(join(unfinished, file.fileName), inLatin1(file.code));
  }
  const seen = (directory: string, paths: readonly string[]) => ({
    paths,
    fingerprint: fingerprintOf(directory, paths),
  });
  const contents: Contents = {
    made: seen(root, [...inputs].sort()),
    kept: seen(
      unfinished,
      output.map(({ fileName }) => fileName),
    ),
  };
  writeFileSync(join(unfinished, 'contents.json'), JSON.stringify(contents));
  // Nobody else could read it.
  chmodSync(unfinished, 0o755);
  // Servers may be starting with what is there: the same again is not worth a moment without.
  if (!isThere(contents)) {
    rmSync(target, { recursive: true, force: true });
    renameSync(unfinished, target);
  }
} catch (error) {
  // Somebody else was quicker, with the same.
  if (!['ENOTEMPTY', 'EEXIST'].includes(String((error as NodeJS.ErrnoException).code))) throw error;
} finally {
  rmSync(unfinished, { recursive: true, force: true });
}

function isThere(contents: Contents): boolean {
  try {
    const known = readFileSync(join(target, 'contents.json'), 'utf8');
    const { paths, fingerprint } = contents.kept;
    return known === JSON.stringify(contents) && fingerprintOf(target, paths) === fingerprint;
  } catch {
    return false;
  }
}
