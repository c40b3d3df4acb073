import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { readMessage } from '../support/eml.ts';
import { blocksOf, ROOT, readPage, sectionOf } from '../support/markdown.ts';
import { siteOn, startServer, WAIT } from '../support/server-process.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';

/** What curl does with the options of the tour, for machines that have none. */
const CURL = `#!/usr/bin/env node
const words = process.argv.slice(2);
const after = (option) => words[words.indexOf(option) + 1];
const url = words.find((word) => word.startsWith('localhost:'));
const [name, value] = words.includes('-H') ? after('-H').split(': ') : ['Accept', '*/*'];
const sent = words.includes('-d') && { method: 'POST', body: after('-d') };
const answer = await fetch('http://' + url, { headers: { [name]: value }, ...sent });
if (words.includes('-si')) console.log('HTTP/1.1 ' + answer.status);
process.stdout.write(await answer.text());
`;

const TOUR = '## Five minutes with curl';
const isPython = (text: string): boolean => text.includes('python3');

/** Runs the tour's blocks one after another in one shell. @returns what each wrote */
async function walk(port: string, cwd: string): Promise<string[]> {
  const blocks = blocksOf(sectionOf(readPage('README.md'), TOUR)).filter(
    ({ info, text }) => info === 'sh' && !isPython(text),
  );
  const script = blocks.map(({ text }) => `printf '\\n@@\\n'\n${text}`).join('\n');
  await symlink(join(ROOT, 'node_modules'), join(cwd, 'node_modules'));
  const bin = join(cwd, 'bin');
  await mkdir(bin);
  if (spawnSync('curl', ['--version']).status !== 0) {
    await writeFile(join(bin, 'curl'), CURL);
    await chmod(join(bin, 'curl'), 0o755);
  }
  const { stdout } = await promisify(execFile)(
    '/bin/sh',
    ['-euc', script.replaceAll('localhost:3000', `localhost:${port}`)],
    { cwd, env: { PATH: [bin, dirname(process.execPath), process.env.PATH].join(':') } },
  );
  return stdout.split('\n@@\n').slice(1);
}

test('the five minutes of the README go as it says', async () => {
  const storage = await embeddedDriver().create();
  const site = await siteOn(storage, { ISSUER_URL: undefined, RATE_LIMIT: undefined });
  const server = await (await startServer(site)).ready();
  const { port } = new URL(server.url);
  const [registered, loggedIn, meAndNext, jwks, claims, forgotten, loggedOut, ...more] = await walk(
    port,
    site.cwd,
  );
  expect(JSON.parse(registered ?? '')).toMatchObject({
    access_token: expect.stringMatching(/^eyJ/),
    user: { email: 'ada@example.com', name: 'Ada' },
  });
  expect(loggedIn).toBe('');
  expect(meAndNext).toMatch(/^\{"id":.*"email":"ada@example\.com".*"refresh_token":"ktr_/);
  expect(JSON.parse(jwks ?? '').keys).toHaveLength(2);
  expect(claims).toContain(`iss: 'http://localhost:${port}'`);
  expect(claims).toContain("email: 'ada@example.com'");
  expect(forgotten).toBe('{}');
  expect(loggedOut).toMatch(/^HTTP\/1\.1 204/);
  expect(more).toEqual([]);

  const mails = join(storage.dataDir, 'mail');
  const name = await vi.waitUntil(async () => {
    const names = await readdir(mails).catch(() => []);
    return names.find((found) => found.endsWith('.eml') && found.includes('reset-password'));
  }, WAIT);
  const { links } = readMessage(await readFile(join(mails, name), 'utf8'));
  expect(links[0]).toMatch(new RegExp(`^http://localhost:${port}/reset-password#token=`));
  await server.stop('SIGINT');
  await storage.drop();
});
