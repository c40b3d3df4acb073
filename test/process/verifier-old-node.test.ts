import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newDirectory } from '../support/databases.ts';
import { fakeKey, fakeToken, startFakeIssuer } from '../support/fake-issuer.ts';
import { startNode } from '../support/server-process.ts';

const EXPORTS = join(import.meta.dirname, '../../src/resource-server/exports.ts');

/** `node:crypto` as it was before Node.js 20.12, for who runs a service on an older one. */
const WITHOUT_HASH = `import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
delete crypto.hash;
syncBuiltinESMExports();`;

/** Verifies what it is given twice: the second time it is known by its digest. */
const SERVICE = `const { createVerifier } = await import(${JSON.stringify(EXPORTS)});
const [issuer, token] = process.argv.slice(1);
const results = [];
const onEvent = ({ type, result }) => results.push(type + ' ' + result);
const verify = createVerifier({ issuer, audience: issuer, onEvent });
for (let i = 0; i < 2; i++) results.push((await verify(token)).sub);
const { createHash, hash } = await import('node:crypto');
console.log(JSON.stringify({ results, hash: typeof hash, createHash: typeof createHash }));`;

test('the verifier works on a Node.js without crypto.hash', async () => {
  const key = fakeKey();
  const issuer = await startFakeIssuer(key);
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(WITHOUT_HASH)}`];
  const script = ['--input-type=module', '--eval', SERVICE];
  const argv = [...preload, ...script, issuer.url, fakeToken(issuer, key, new Date())];
  const { stdout, stderr } = await startNode(argv, { cwd: await newDirectory(), env: {} }).ended;
  await issuer.close();
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    results: ['jwks_fetched ok', 'validated ok', 'somebody', 'validated ok', 'somebody'],
    hash: 'undefined',
    createHash: 'function',
  });
});
