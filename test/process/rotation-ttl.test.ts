import { expect, test } from 'vitest';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { claimsOf, clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { replicaOf, type Site, siteOn, startServer } from '../support/server-process.ts';
import { commandIn } from '../support/verifiers/in-process.ts';

const TIMES = { KEY_LEASE: '20s', CLOCK_SKEW: '1s', SELF_CHECK: 'off' };
/** The lease and the skew twice, in milliseconds. */
const BESIDES = 22_000;

const withTtl = (site: Site, ttl: string): Site => ({
  ...site,
  env: { ...site.env, ACCESS_TOKEN_TTL: ttl },
});

/** How long each retired key stays published, in seconds beyond the lease and the clocks. */
const stays = ({ keys }: KeyReport) =>
  Object.fromEntries(
    keys.flatMap(({ kid, retired_at, gone_at }) =>
      retired_at && gone_at
        ? [[kid, (Date.parse(`${gone_at}`) - Date.parse(`${retired_at}`) - BESIDES) / 1000]]
        : [],
    ),
  );

test('a retired key stays for the longest token that it may have signed', async () => {
  const { url, drop } = await createTestDatabase();
  const site = await siteOn({ url, dataDir: await newDirectory() }, TIMES);
  const short = withTtl(site, '5s');
  const long = withTtl(site, '10m');
  const rotate = async () => (await commandIn(short, 'keys rotate --force')) as KeyReport;

  let server = await (await startServer(short)).ready();
  const { active: first } = (await commandIn(short, 'keys list')) as KeyReport;
  const second = await rotate();
  expect(stays(second)).toEqual({ [`${first}`]: 5 });

  // A replica with longer tokens joins: the key that signs, and the next, may have signed such.
  const other = await (await startServer(await replicaOf(long))).ready();
  const { accessToken } = await clientOf(other).register();
  expect(Number(claimsOf(accessToken).exp) - Number(claimsOf(accessToken).iat)).toBe(600);
  await other.stop('SIGINT');
  await server.stop('SIGINT');

  // All is short again, what was signed is not.
  server = await (await startServer(short)).ready();
  const third = await rotate();
  expect(stays(third)).toEqual({ [`${first}`]: 5, [`${second.active}`]: 600 });
  const kids = await (await fetch(`${server.url}/.well-known/jwks.json`)).text();
  expect(kids).toContain(second.active);
  expect((await clientOf(server).me({ accessToken })).status).toBe(200);
  // The next key of then had been prepared for longer ones; a key made since is not.
  const fourth = await rotate();
  expect(stays(fourth)).toMatchObject({ [`${third.active}`]: 600 });
  const fifth = await commandIn(short, 'keys list');
  expect(fifth).toEqual({ ...fourth, changed: false });
  await server.stop('SIGINT');
  await drop();
});
