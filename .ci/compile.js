// node .ci/compile.js serve: compiles what a server loads ahead of the first, for an image that
// nothing is written to later. Started anew as the server itself is, since what V8 has compiled is
// good for a process with the same flags alone.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { restartServer } from '../src/restart.js';

restartServer();

const sources = join(import.meta.dirname, '../src');
const forBrowsers = ['client/*.ts', '**/browser/*.ts'];
for (const path of globSync('**/*.ts', { cwd: sources, exclude: ['main.ts', ...forBrowsers] })) {
  await import(join(sources, path));
}
const { stripTypes } = await import('../src/http/strip-types.ts');
for (const path of globSync(forBrowsers, { cwd: sources })) {
  stripTypes(readFileSync(join(sources, path), 'utf8'));
}
// All is kept when the process ends, so the module that runs commands is given one that ends.
process.argv.splice(2, Number.POSITIVE_INFINITY, 'version');
await import('../src/main.ts');
