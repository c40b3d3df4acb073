import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import {
  runCommand,
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';

const TIMES = { VERIFIER_CACHE_TTL: '10m', SELF_CHECK: 'off' };
/** How long a command waits for a server that starts, in milliseconds. */
const PATIENCE = 15_000;

const list = async (site: Site): Promise<KeyReport> =>
  JSON.parse((await runCommand(['keys', 'list', '--json'], site)).stdout);

const publishedBy = async ({ url }: Pick<ServerProcess, 'url'>): Promise<string[]> => {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as {
    keys: { kid: string }[];
  };
  return keys.map(({ kid }) => kid);
};

const lockOf = async (site: Site): Promise<{ pid: number; socket: string }> =>
  JSON.parse(await readFile(join(String(site.env.DATA_DIR), 'lock'), 'utf8'));

describe.each(DRIVERS)('a command beside a running server on $name', ({ create }) => {
  test('has its effect in the server at once', async () => {
    const storage = await create();
    const site = await siteOn(storage, TIMES);
    const server = await (await startServer(site)).ready();
    const before = await list(site);
    const { status, stdout, stderr } = await runCommand(
      ['keys', 'revoke', '--all', '--json'],
      site,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const after: KeyReport = JSON.parse(stdout);
    expect(after.changed).toBe(true);
    await vi.waitUntil(async () => (await publishedBy(server))[0] === after.active, WAIT);
    expect(await publishedBy(server)).toEqual([after.active, after.next]);
    expect(after.keys.map(({ kid }) => kid)).toEqual(
      expect.arrayContaining(before.keys.map(({ kid }) => kid)),
    );
    // A refusal comes through as it is, with its status.
    const early = await runCommand(['keys', 'rotate', '--json'], site);
    expect(early.status).toBe(75);
    expect(JSON.parse(early.stdout)).toEqual({
      error: {
        code: 'next_too_young',
        detail: expect.any(String),
        retry_at: expect.stringMatching(/Z$/),
      },
    });
    const unknown = await runCommand(['keys', 'revoke', 'nobody', '--json'], site);
    expect(unknown.status).toBe(1);
    expect((await server.stop('SIGINT')).status).toBe(0);
    await storage.drop();
  });
});

describe('the control socket', () => {
  test('is its owner’s alone, and goes with the server', async () => {
    const storage = await embeddedDriver().create();
    const site = await siteOn(storage, TIMES);
    const server = await (await startServer(site)).ready();
    await vi.waitUntil(async () => (await lockOf(site)).socket, WAIT);
    const { socket } = await lockOf(site);
    const { mode } = await stat(socket);
    expect(mode & 0o777).toBe(0o600);
    expect(dirname(socket)).toBe(storage.dataDir);
    await server.stop('SIGINT');
    await expect(stat(socket)).rejects.toThrow('ENOENT');
    await storage.drop();
  });

  test('is reached in a data directory whose path is too long for one', async () => {
    const dataDir = join(await newDirectory(), 'd'.repeat(60), 'e'.repeat(60));
    const site = await siteOn({ url: undefined, dataDir }, TIMES);
    const server = await (await startServer(site)).ready();
    expect((await list(site)).keys).toHaveLength(2);
    const { socket } = await lockOf(site);
    expect(socket.startsWith(dataDir)).toBe(false);
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(socket))).mode & 0o777).toBe(0o700);
    await server.stop('SIGINT');
    await expect(stat(dirname(socket))).rejects.toThrow('ENOENT');
  });

  test('is waited for while the server starts', async () => {
    const dataDir = join(await newDirectory(), 'data');
    const site = await siteOn({ url: undefined, dataDir }, TIMES);
    const server = await startServer(site);
    await vi.waitUntil(() => lockOf(site).catch(() => undefined), WAIT);
    // It holds the directory, makes its database in it, and does not answer yet.
    const early = await statusOf(`${server.url}/readyz`);
    expect(early === 503 || server.said.stdout.includes('"ready"')).toBe(true);
    const report = await vi.waitUntil(async (): Promise<KeyReport | undefined> => {
      const since = performance.now();
      const { status, stdout } = await runCommand(['keys', 'list', '--json'], site);
      if (status === 0) return JSON.parse(stdout);
      // A start that takes longer than a command waits is to be tried again: not before that.
      const waited = performance.now() - since > PATIENCE;
      expect({ status, waited }).toEqual({ status: 75, waited: true });
      return undefined;
    }, WAIT);
    expect(report.keys.map(({ state }) => state)).toEqual(['active', 'next']);
    await server.ready();
    expect(await publishedBy(server)).toEqual([report.active, report.next]);
    await server.stop('SIGINT');
  });

  test('of a server that was killed is in nobody’s way', async () => {
    const storage = await embeddedDriver().create();
    const site = await siteOn(storage, TIMES);
    const server = await (await startServer(site)).ready();
    await vi.waitUntil(async () => (await lockOf(site)).socket, WAIT);
    await server.stop('SIGKILL');
    const report = await list(site);
    expect(report.keys).toHaveLength(2);
    const next = await (await startServer(site)).ready();
    expect(await list(site)).toEqual(report);
    await next.stop('SIGINT');
    await storage.drop();
  });
});
