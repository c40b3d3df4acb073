import { afterEach, beforeEach, expect } from 'vitest';
import type { KeyReport } from '../../../src/issuer/keys/report.ts';
import { systemClock } from '../../../src/kit/clock.ts';
import { DRIVERS, type TestDriver } from '../databases.ts';
import { startKeyturn, type TestKeyturn } from '../keyturn.ts';
import { type Env, type Site, siteOn } from '../server-process.ts';
import { commandIn, type Refused, say } from './in-process.ts';

/** Where commands find keys. */
export interface CommandSite {
  readonly site: Site;
  readonly storage: Awaited<ReturnType<TestDriver['create']>>;
  /** The server beside them; undefined on the embedded database, which one process opens. */
  readonly keyturn: TestKeyturn | undefined;
  close(): Promise<void>;
}

/** Makes a database with its first keys, and leaves a server running where commands can be beside it. */
export async function commandSite(driver: TestDriver, env: Env): Promise<CommandSite> {
  const storage = await driver.create();
  const site = await siteOn(storage, env);
  const keyturn = await startKeyturn(
    { ...driver, create: async () => ({ ...storage, drop: async () => {} }) },
    { env: defined(site.env), clock: { ...systemClock(), advance() {} } },
  );
  if (driver.kind === 'embedded') await keyturn.close();
  return {
    site,
    storage,
    keyturn: driver.kind === 'embedded' ? undefined : keyturn,
    async close() {
      if (driver.kind !== 'embedded') await keyturn.close();
      await storage.drop();
    },
  };
}

/** The embedded one of the drivers. */
export const embeddedDriver = (): TestDriver => {
  const driver = DRIVERS.find(({ kind }) => kind === 'embedded');
  if (!driver) throw new Error('no embedded database');
  return driver;
};

const defined = (env: Env): Record<string, string> =>
  Object.fromEntries(Object.entries(env).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])));

/** Long times, so that `ageKeys` alone makes things safe or due. */
const TIMES = {
  VERIFIER_CACHE_TTL: '10m',
  KEY_ROTATION_INTERVAL: '90m',
  ACCESS_TOKEN_TTL: '5h',
  // Nobody answers at ISSUER_URL.
  SELF_CHECK: 'off',
};

/** For the tests of a `describe`: fresh keys for each, and commands about them. */
export function keyCommands(driver: TestDriver) {
  let site: CommandSite;
  beforeEach(async () => {
    site = await commandSite(driver, TIMES);
  });
  afterEach(() => site.close());
  const answer = async (words: string) => (await commandIn(site.site, words)) as KeyReport;
  return {
    at: () => site,
    answer,
    list: () => answer('keys list'),
    /** What a refused command answers, and exits with. */
    async refusal(words: string) {
      const { status, stdout, stderr } = await say(`${words} --json`, site.site);
      expect(stderr).toBe('');
      return { status, ...(JSON.parse(stdout) as Refused) };
    },
    kids: ({ keys }: KeyReport, state: string) =>
      keys.filter((key) => key.state === state).map(({ kid }) => kid),
  };
}
