#!/usr/bin/env node
// Plain JavaScript, so that a Node.js too old for the TypeScript behind it gets as far as saying so.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { COMPILED, restartServer } from './restart.js';

const [major] = process.versions.node.split('.');

if (Number(major) >= 24) {
  restartServer();
  // Before any module of TypeScript, which takes a compiler of 16 MiB unless it was compiled before.
  module.enableCompileCache(COMPILED);
  // Packed, there is no TypeScript: Node.js strips no types under node_modules.
  const packed = !existsSync(new URL('main.ts', import.meta.url));
  if (packed) await import('../dist/src/main.js');
  else await import('./main.ts');
} else {
  process.stderr.write(
    `Keyturn needs Node.js 24 or newer; this is ${process.version} at ${process.execPath}.\n` +
      'In a checkout, `npm ci` brings a fitting one along, which `npm start` and `npx keyturn` use.\n',
  );
  process.exitCode = 1;
}
