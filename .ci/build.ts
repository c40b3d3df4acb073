// npm run build, and so npm pack: what Node.js strips no types of, since it lies in node_modules,
// becomes JavaScript with declarations in dist/, with the files beside it that are read as they are.
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
for (const project of ['tsconfig.build.json', 'tsconfig.build.browser.json']) {
  execFileSync('tsc', ['-p', project], { cwd: root, stdio: 'inherit' });
}
for (const asset of globSync('src/**/*.{br,css,html,svg,txt,woff2}', { cwd: root })) {
  mkdirSync(dirname(join(dist, asset)), { recursive: true });
  cpSync(join(root, asset), join(dist, asset));
}

// The compiler rewrites imports of .ts in the code alone; older compilers do not follow them.
for (const path of globSync('**/*.d.ts', { cwd: dist })) {
  const text = readFileSync(join(dist, path), 'utf8');
  const mended = text.replaceAll(/((?:from |import\()['"]\.{1,2}\/[^'"]+)\.ts(?=['"])/g, '$1.js');
  writeFileSync(join(dist, path), mended);
}
