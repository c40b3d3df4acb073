import { expect, test } from 'vitest';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { DRIVERS, newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { runCommand, type Site, siteOn, startServer } from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';
import { commandIn, type Refused } from '../support/verifiers/in-process.ts';
import { ageKeys, expectWhole } from '../support/verifiers/key-store.ts';

const TIMES = {
  ACCESS_TOKEN_TTL: '3s',
  // Longer than any test takes: a rotation that follows another is always too early.
  VERIFIER_CACHE_TTL: '30m',
  JWKS_MAX_AGE: '0s',
  CLOCK_SKEW: '0s',
  KEY_LEASE: '1s',
  SELF_CHECK: 'off',
};
const ROUNDS = LONG ? 50 : 10;

const list = async (site: Site) => (await commandIn(site, 'keys list')) as KeyReport;

async function byProcesses(site: Site): Promise<(KeyReport | Refused)[]> {
  const ends = await Promise.all([1, 2].map(() => runCommand(['keys', 'rotate', '--json'], site)));
  return ends.map(({ stdout }) => JSON.parse(stdout));
}

/** One of them rotated, the others found it done or too early, and the keys are whole. */
async function expectOneRotation(
  site: Site,
  before: KeyReport,
  answers: readonly (KeyReport | Refused)[],
) {
  expect(answers.filter((answer) => 'changed' in answer && answer.changed)).toHaveLength(1);
  for (const answer of answers) {
    if ('error' in answer) expect(answer.error.code).toBe('next_too_young');
  }
  const after = await list(site);
  expectWhole(after, before);
  expect(after.active).toBe(before.next);
  expect(after.keys).toHaveLength(before.keys.length + 1);
}

const FOUR = [1, 2, 3, 4];

test('rotations at the same moment are one, on PostgreSQL', async () => {
  const { url, drop } = await createTestDatabase();
  const storage = { url, dataDir: await newDirectory() };
  const site = await siteOn(storage, TIMES);
  const server = await (await startServer(site)).ready();
  for (let round = 1; round <= ROUNDS; round++) {
    await ageKeys(storage);
    const before = await list(site);
    const answers = await Promise.all(FOUR.map(() => commandIn(site, 'keys rotate')));
    await expectOneRotation(site, before, answers);
  }
  await ageKeys(storage);
  await expectOneRotation(site, await list(site), await byProcesses(site));
  expect((await server.stop('SIGINT')).status).toBe(0);
  await drop();
});

test('rotations at the same moment are one, on the embedded database', async () => {
  const storage = await DRIVERS.find(({ kind }) => kind === 'embedded')?.create();
  if (!storage) throw new Error('no embedded database');
  const site = await siteOn(storage, TIMES);
  await (await (await startServer(site)).ready()).stop('SIGINT');

  // Without a server each opens the directory itself, one after the other.
  await ageKeys(storage);
  await expectOneRotation(site, await list(site), await byProcesses(site));

  await ageKeys(storage);
  const server = await (await startServer(site)).ready();
  const before = await list(site);
  const answers = await Promise.all(FOUR.map(() => commandIn(site, 'keys rotate')));
  await expectOneRotation(site, before, answers);
  expect((await server.stop('SIGINT')).status).toBe(0);
  await storage.drop();
});
