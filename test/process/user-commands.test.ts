import { execFile, spawn } from 'node:child_process';
import { fstatSync, readdirSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { foreignHashes } from '../support/foreign-hashes.ts';
import {
  logLines,
  MAIN,
  PATIENCE,
  runCommand,
  type Site,
  siteOn,
  startServer,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';
import { say } from '../support/verifiers/in-process.ts';

const MANY = LONG ? 100_000 : 2_000;
const BETTER_AUTH = foreignHashes.find(({ of }) => of === 'Better Auth');

/** A command that reads what it is given. */
const pipedInto = ({ cwd, env }: Site, argv: readonly string[], text: string) =>
  new Promise<{ status: unknown; stdout: string; stderr: string }>((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH, ...env } };
    const child = execFile(process.execPath, [MAIN, ...argv], options, (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }),
    );
    child.stdin?.end(text);
  });

/** A command whose reader leaves at the first it is told, as `head` does, or before. */
const leaveReading = (site: Site, argv: readonly string[], at: 'start' | 'data') =>
  new Promise<{ status: number | null; stderr: string }>((resolve) => {
    const env = { PATH: process.env.PATH, ...site.env };
    const child = spawn(process.execPath, [MAIN, ...argv], { cwd: site.cwd, env });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    if (at === 'start') child.stdout.destroy();
    else child.stdout.once('data', () => child.stdout.destroy());
    child.on('close', (status) => resolve({ status, stderr }));
  });

const line = (fields: object) => `${JSON.stringify(fields)}\n`;

describe.each(DRIVERS)('commands about users beside a server on $name', (driver) => {
  test(
    'from import to delete',
    async () => {
      const storage = await driver.create();
      const site = await siteOn(storage, { SELF_CHECK: 'off' });
      const server = await (await startServer(site)).ready();
      const directory = await newDirectory();
      const json = async (words: string) => JSON.parse((await say(`${words} --json`, site)).stdout);
      const login = async (email: string, password = '') => {
        const response = await fetch(`${server.url}/api/auth/login`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ email, password }),
        });
        await response.arrayBuffer();
        return response.status;
      };

      // A fault in the last of many lines: nothing is imported.
      const file = join(directory, 'users.jsonl');
      const many = Array.from({ length: MANY }, (_, i) =>
        line({ email: `u${i}@example.com`, name: 'Äda', password_hash: BETTER_AUTH?.hash }),
      );
      await writeFile(file, [...many, line({ email: 'u0@example.com', name: 'Again' })].join(''));
      const refused = await say(`users import ${file}`, site);
      expect(refused).toMatchObject({ status: 1, stdout: '' });
      expect(refused.stderr).toContain('One thing is wrong in the lines; nothing was imported.');
      expect(refused.stderr).toContain(`line ${MANY + 1}, email: is that of line 1, too`);
      expect(await json(`users import ${file}`)).toMatchObject({
        error: { code: 'import_refused', errors: [{ path: `line ${MANY + 1}, email` }] },
      });
      expect(await json('users list')).toEqual({ users: [], more: false });

      await writeFile(file, many.join(''));
      expect(await say(`users import ${file}`, site)).toEqual({
        status: 0,
        stdout: `Users imported: ${MANY}.\n`,
        stderr: '',
      });
      expect(await login('u7@example.com', BETTER_AUTH?.password)).toBe(200);
      const eve = await pipedInto(
        site,
        ['users', 'import', '-', '--json'],
        line({ email: 'eve@example.com', name: 'Eve' }),
      );
      expect(eve).toMatchObject({ status: 0, stdout: '{"imported":1}\n' });

      const exported = await say('users export', site);
      expect(exported).toMatchObject({ status: 0, stderr: `Users exported: ${MANY + 1}.\n` });
      const lines = exported.stdout.trimEnd().split('\n');
      expect(new Set(lines.map((text) => JSON.parse(text).email)).size).toBe(MANY + 1);
      expect(await leaveReading(site, ['users', 'export'], 'data')).toEqual({
        status: 141,
        stderr: '',
      });
      expect((await say('users export --no-hashes', site)).stdout).not.toContain('password_hash');

      const created = await runCommand(
        ['users', 'create', 'bob@example.com', '--name', 'Bob \u202eB'],
        site,
      );
      expect(created).toMatchObject({ status: 0, stderr: '' });
      expect(created.stdout).toMatch(/^bob@example\.com has an account, [0-9a-f-]{36};/);
      expect((await say('users create bob@example.com', site)).stderr).toContain('exists already');
      const list = await say('users list --email *b@example.com', site);
      expect(list.stdout).toMatch(
        /^EMAIL +VERIFIED +NAME .*\nbob@example\.com +no +Bob \\u\{202e\}B .* not set /,
      );
      expect((await json('users list --email bob@example.com')).users).toMatchObject([
        { name: 'Bob \u202eB' },
      ]);

      expect(await json('users disable u7@example.com')).toMatchObject({
        changed: true,
        sessions_ended: 1,
      });
      expect(await login('u7@example.com', BETTER_AUTH?.password)).toBe(403);
      expect((await say('users enable u7@example.com', site)).stdout).toBe(
        'u7@example.com may log in.\n',
      );
      expect(await login('u7@example.com', BETTER_AUTH?.password)).toBe(200);
      expect((await say('users logout u7@example.com', site)).stdout).toBe(
        'u7@example.com is logged out everywhere. Sessions ended: 1.\n',
      );
      expect((await say('users delete u7@example.com', site)).status).toBe(0);
      expect(await login('u7@example.com', BETTER_AUTH?.password)).toBe(401);
      const gone = await say('users delete u7@example.com', site);
      expect(gone).toEqual({
        status: 1,
        stdout: '',
        stderr: 'keyturn users delete: There is no user u7@example.com.\n',
      });

      const { status, stdout } = await server.stop('SIGTERM');
      expect(status).toBe(0);
      const hash = BETTER_AUTH?.hash.slice(33, 60) ?? '';
      expect(hash).toHaveLength(27);
      expect(stdout).not.toContain(hash);
      expect(logLines(stdout).some(({ msg }) => msg === 'command')).toBe(
        driver.kind === 'embedded',
      );
      // Without a server as well.
      expect((await say('users list --limit 1 --json', site)).stdout).toContain('"more":true');
      await storage.drop();
    },
    PATIENCE,
  );
});

test.each([
  ['users list --limit 0', 2],
  ['users list --limit 10001', 2],
  ['users create', 2],
  ['users create nobody', 2],
  ['users create a@example.com b@example.com', 2],
  ['users disable', 2],
  ['users delete a@example.com b@example.com', 2],
  ['users logout --all', 2],
  ['users import', 2],
  ['users export all', 2],
  ['users forget a@example.com', 2],
  ['users import no/such/file', 1],
  ['users import .', 1],
])('%s: %i, and why', async (words, status) => {
  const site = { cwd: await newDirectory(), env: {} };
  const said = await say(words, site);
  expect(said).toMatchObject({ status, stdout: '' });
  expect(said.stderr).toMatch(status === 2 ? /See:? keyturn / : /cannot be read/);
});

test('a file that cannot be read is told machines as JSON', async () => {
  const site = { cwd: await newDirectory(), env: {} };
  const said = await say('users import no/such/file --json', site);
  expect(said).toMatchObject({ status: 1, stderr: '' });
  expect(JSON.parse(said.stdout)).toEqual({
    error: {
      code: 'invalid_request',
      detail:
        'no/such/file cannot be read: there is no such file. Name a file of JSON lines, or - for the input.',
    },
  });
});

test('a file is closed again also where it was not read', async () => {
  const site = { cwd: await newDirectory(), env: {} };
  const file = join(site.cwd, 'users.jsonl');
  await writeFile(file, '{}\n');
  const { ino } = await stat(file);
  const isOpen = () =>
    readdirSync('/dev/fd').some((fd) => {
      try {
        return fstatSync(Number(fd)).ino === ino;
      } catch {
        return false;
      }
    });
  expect(await say(`users import ${file}`, site)).toMatchObject({ status: 1, stdout: '' });
  await vi.waitUntil(() => !isOpen());
});

test('an answer that nobody reads is no fault', async () => {
  const site = { cwd: await newDirectory(), env: {} };
  expect(await leaveReading(site, ['help'], 'start')).toEqual({ status: 141, stderr: '' });
});

test('users.md names every field that an import reads', async () => {
  const text = await readFile(join(MAIN, '../../docs/users.md'), 'utf8');
  for (const field of ['id', 'email', 'name', 'password_hash', 'email_verified', 'created_at']) {
    expect(text).toContain(`\`${field}\``);
  }
});
