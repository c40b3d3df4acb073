import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  MAIN,
  PATIENCE,
  runCommand,
  type Site,
  siteOn,
  startNode,
  startServer,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';
import { commandIn } from '../support/verifiers/in-process.ts';
import { ageKeys, expectWhole, untilAlone } from '../support/verifiers/key-store.ts';
import { statementProxy } from '../support/verifiers/statement-proxy.ts';

const TIMES = {
  ACCESS_TOKEN_TTL: '3s',
  // Longer than any test takes: a rotation that follows another is always too early.
  VERIFIER_CACHE_TTL: '30m',
  JWKS_MAX_AGE: '0s',
  CLOCK_SKEW: '0s',
  KEY_LEASE: '1s',
  // Nobody answers at ISSUER_URL here.
  SELF_CHECK: 'off',
};
const LIMIT = { timeout: PATIENCE };

const list = async (site: Site) => (await commandIn(site, 'keys list')) as KeyReport;

async function withFirstKeys(site: Site): Promise<void> {
  const server = await (await startServer(site)).ready();
  await server.stop('SIGINT');
}

/** What a rotation that died left is whole, and the next run leaves it rotated. */
async function expectMended(site: Site, before: KeyReport): Promise<'undone' | 'done'> {
  const left = await list(site);
  expectWhole(left, before);
  const done = left.active === before.next;
  if (!done) expect(left.keys).toEqual(before.keys);
  const next = await commandIn(site, 'keys rotate');
  if (done) expect(next).toMatchObject({ error: { code: 'next_too_young' } });
  else expect(next).toMatchObject({ changed: true });
  const after = await list(site);
  expectWhole(after, left);
  expect(after.active).toBe(before.next);
  return done ? 'done' : 'undone';
}

test('kill -9 at every statement of a rotation: the next run completes it', LIMIT, async () => {
  const { url, drop } = await createTestDatabase();
  const storage = { url, dataDir: await newDirectory() };
  const site = await siteOn(storage, TIMES);
  await withFirstKeys(site);
  const proxy = await statementProxy(url);
  const throughProxy = { ...site, env: { ...site.env, DATABASE_URL: proxy.url } };

  /** @returns what became of the rotation; undefined when it came to its end */
  const rotateAndDie = async (statement: number, when: 'after' | 'instead') => {
    await ageKeys(storage);
    const before = await list(site);
    const victim = startNode([MAIN, 'keys', 'rotate'], throughProxy);
    proxy.trap(statement, when, () => victim.kill('SIGKILL'));
    const { signal, stdout } = await victim.ended;
    await untilAlone(url);
    if (signal === null) {
      expect(stdout).toMatch(/^Done/);
      return undefined;
    }
    expect(signal).toBe('SIGKILL');
    return expectMended(site, before);
  };

  const outcomes: string[] = [];
  for (;;) {
    const outcome = await rotateAndDie(outcomes.length + 1, 'after');
    if (outcome === undefined) break;
    outcomes.push(outcome);
  }
  // It is done from one statement on, and from there on always.
  expect(outcomes.join(' ')).toMatch(/^(undone ){10,}(done ?)+$/);
  for (let round = 1; round <= (LONG ? 100 : 4); round++) {
    const statement = 1 + Math.floor(Math.random() * outcomes.length);
    expect(await rotateAndDie(statement, 'instead')).toBe(outcomes[statement - 2] ?? 'undone');
  }
  await proxy.close();
  await drop();
});

test(
  'kill -9 at random moments on the embedded database: the next run completes it',
  LIMIT,
  async () => {
    const storage = await DRIVERS.find(({ kind }) => kind === 'embedded')?.create();
    if (!storage) throw new Error('no embedded database');
    const site = await siteOn(storage, TIMES);
    await withFirstKeys(site);
    const started = performance.now();
    expect((await runCommand(['keys', 'list'], site)).status).toBe(0);
    const usual = performance.now() - started;
    for (let round = 1; round <= (LONG ? 50 : 3); round++) {
      await ageKeys(storage);
      const before = await list(site);
      const victim = startNode([MAIN, 'keys', 'rotate'], site);
      await pause((0.5 + Math.random()) * usual);
      victim.kill('SIGKILL');
      await victim.ended;
      await expectMended(site, before);
    }
    await storage.drop();
  },
);
