import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  logLines,
  MAIN,
  type Site,
  siteOn,
  startNode,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';

/** What a first start leaves behind it step by step; a kill comes soon after one is there. */
const STEPS = {
  // What is there for a while only may be gone when it is looked for.
  embedded: ['data/lock', 'data/{pglite.new-*/*,pglite}', 'data/pglite', 'keys/0001.key'],
  postgres: ['keys', 'keys/0001.key', 'data/state-version.json'],
};
/** Milliseconds at most from a step to the kill: from one step to about the next. */
const JITTER = { embedded: 400, postgres: 60 };

/** Starts a server and kills it at a random moment after a file appears; or when it is ready. */
async function killAfter(site: Site, step: string, jitter: number) {
  const server = startNode([MAIN, 'serve'], site);
  await vi.waitUntil(() => globSync(step, { cwd: site.cwd }).length > 0, WAIT);
  await pause(Math.random() * jitter);
  server.kill('SIGKILL');
  expect(await server.ended).toMatchObject({ signal: 'SIGKILL' });
}

/** The next start has all that a first start makes, once, and the one after it finds the same. */
async function expectUnharmed(site: Site) {
  const server = await (await startServer(site)).ready();
  const client = clientOf(server);
  const somebody = await client.register();
  const before = await client.get('/.well-known/jwks.json');
  expect(before.body.keys).toHaveLength(2);
  expect(globSync('keys/*', { cwd: site.cwd })).toEqual(['keys/0001.key']);
  expect(existsSync(join(site.cwd, 'data/pglite'))).toBe(site.env.DATABASE_URL === undefined);
  await server.stop('SIGINT');

  const again = await (await startServer(site)).ready();
  expect((await clientOf(again).get('/.well-known/jwks.json')).body).toEqual(before.body);
  await clientOf(again).me(somebody).expect(200);
  const { stdout } = await again.stop('SIGINT');
  expect(logLines(stdout).filter((line) => 'migrations' in line)).toEqual([]);
}

describe.each(['postgres', 'embedded'] as const)('kill -9 in the first start, %s', (kind) => {
  const steps = Array.from({ length: LONG ? 10 : 1 }, () => STEPS[kind]);

  test.each(steps.flat())('after %s', async (step) => {
    const { url, drop } =
      kind === 'postgres' ? await createTestDatabase() : { url: undefined, drop: async () => {} };
    const site = await siteOn({ url, dataDir: '' });
    const own = { ...site, env: { ...site.env, DATA_DIR: join(site.cwd, 'data') } };
    await killAfter(own, step, JITTER[kind]);
    await expectUnharmed(own);
    await drop();
  });
});
