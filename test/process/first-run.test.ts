import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  emptySite,
  logLines,
  MAIN,
  siteOn,
  startNode,
  startServer,
  WAIT,
} from '../support/server-process.ts';

/** The command as in a shell at a terminal, as far as the process can tell. */
const AT_A_TERMINAL = [
  '--input-type=module',
  '--eval',
  `process.stdout.isTTY = true;
   process.argv.splice(1, Infinity, 'keyturn', 'serve');
   await import(${JSON.stringify(pathToFileURL(MAIN).href)});`,
];

/** What a shell makes of a curl command: its words. */
function wordsOf(command: string): string[] {
  const script = `curl() { for word in "$@"; do printf '%s\\0' "$word"; done; }; ${command}`;
  const { status, stdout } = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
  expect(status).toBe(0);
  return stdout.split('\0').slice(0, -1);
}

/** Does what curl would. */
async function curl(words: readonly string[]): Promise<Response> {
  const after = (option: string) => words[words.indexOf(option) + 1] ?? '';
  const url = words.find((word) => word.startsWith('http')) ?? '';
  const [name = '', value = ''] = after('-H').split(': ');
  return fetch(url, { method: 'POST', headers: { [name]: value }, body: after('-d') });
}

describe('a first start at a terminal', () => {
  test('says where everything is, with a line to try that works', async () => {
    const site = await emptySite({ PORT: '0', ADMIN_PORT: '0', NO_COLOR: '1' });
    const server = startNode(AT_A_TERMINAL, site);
    await vi.waitUntil(() => server.said.stdout.includes("}'\n"), WAIT);
    const { stdout } = server.said;
    const block = stdout.slice(stdout.indexOf('Keyturn is ready'));
    const issuer = /Listening +(\S+)/.exec(block)?.[1] ?? '';
    expect(issuer).toMatch(/^http:\/\/localhost:[1-9]\d+$/);
    expect(block).toMatch(new RegExp(`Database +embedded PostgreSQL in ${site.cwd}/data\n`));
    expect(block).toMatch(new RegExp(`Keys +${site.cwd}/keys\n`));
    expect(block).toMatch(new RegExp(`Mail +written to ${site.cwd}/data/mail\n`));
    // Lines for people before it.
    expect(() => logLines(stdout)).toThrow();

    // Lines of the log may follow it.
    const command = block.slice(block.indexOf('curl'), block.indexOf("}'\n") + 2);
    const words = wordsOf(command);
    const answer = await curl(words);
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({ token_type: 'Bearer', user: { name: 'Ada' } });
    if (spawnSync('curl', ['--version']).status === 0) {
      // Curl itself comes second, with the same words.
      const again = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8' });
      expect(JSON.parse(again.stdout)).toMatchObject({ code: 'email_taken' });
    }
    server.kill('SIGINT');
    expect(await server.ended).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('elsewhere', () => {
  test('only JSON lines go out, and other services verify by the issuer’s URL alone', async () => {
    const database = await createTestDatabase();
    const site = await siteOn({ url: database.url, dataDir: 'data' }, { ISSUER_URL: undefined });
    const server = await (await startServer(site)).ready();
    const somebody = await clientOf(server).register();

    // PORT=0: the issuer is where it really listens.
    const issuer = `http://localhost:${new URL(server.url).port}`;
    const discovered = await fetch(`${issuer}/.well-known/openid-configuration`);
    const metadata = (await discovered.json()) as { issuer: string; jwks_uri: string };
    expect(metadata.issuer).toBe(issuer);
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload, protectedHeader } = await jwtVerify(somebody.accessToken, keys, {
      issuer,
      audience: issuer,
      typ: 'at+jwt',
      algorithms: ['RS256'],
      requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id', 'sid', 'auth_time'],
    });
    expect(payload).toMatchObject({ sub: somebody.userId, email: somebody.email });
    expect(Object.keys(protectedHeader).sort()).toEqual(['alg', 'kid', 'typ']);

    const [head, body, signature = ''] = somebody.accessToken.split('.');
    const forged = `${head}.${body}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`;
    await expect(jwtVerify(forged, keys)).rejects.toThrow('signature');

    const { status, stdout, stderr } = await server.stop('SIGTERM');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.endsWith('\n')).toBe(true);
    expect(logLines(stdout).map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['listening', 'ready', 'request', 'shutting down', 'stopped']),
    );
    await database.drop();
  });
});
