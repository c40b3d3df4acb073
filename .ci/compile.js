// node .ci/compile.js serve: compiles what a server loads ahead of the first, for an image that
// nothing is written to later. Started anew as the server itself is, since what V8 has compiled is
// good for a process with the same flags alone.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { restartServer } from '../src/restart.js';

restartServer();

const root = join(import.meta.dirname, '..');
const bundle = globSync('node_modules/.cache/keyturn/bundle/*.mjs', { cwd: root });
if (bundle.length === 0) throw new Error('There is no bundle: run .ci/bundle.ts first.');
// Threads load sources.
for (const path of [...bundle, ...globSync('src/**/*-worker.ts', { cwd: root })]) {
  await import(join(root, path));
}
const { stripTypes } = await import('../src/http/strip-types.ts');
for (const path of globSync(['src/client/*.ts', 'src/**/browser/*.ts'], { cwd: root })) {
  stripTypes(readFileSync(join(root, path), 'utf8'));
}
// All is kept when the process ends, so the module that runs commands is given one that ends.
process.argv.splice(2, Number.POSITIVE_INFINITY, 'version');
await import('../src/bin.js');
