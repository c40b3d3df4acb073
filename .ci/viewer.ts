// npm run viewer: packs what is served of swagger-ui-dist into src/api-docs/static, after the
// package was updated; the version in src/api-docs/swagger-ui.ts is changed by hand.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { SWAGGER_UI } from '../src/api-docs/swagger-ui.ts';

const root = join(import.meta.dirname, '..');
const from = join(root, 'node_modules/swagger-ui-dist');

for (const { of, url } of SWAGGER_UI.files) {
  writeFileSync(url, brotliCompressSync(readFileSync(join(from, of))));
}
const licenses = {
  LICENSE: 'swagger-ui-license.txt',
  NOTICE: 'swagger-ui-notice.txt',
  // Of what is bundled with it; the script names this file.
  'swagger-ui-bundle.js.LICENSE.txt': 'swagger-ui-bundle.js.LICENSE.txt',
};
for (const [name, copy] of Object.entries(licenses)) {
  cpSync(join(from, name), join(root, 'src/api-docs/static', copy));
}
