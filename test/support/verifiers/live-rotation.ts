import { expect, vi } from 'vitest';
import type { KeyReport } from '../../../src/issuer/keys/report.ts';
import { seconds } from '../../../src/kit/duration.ts';
import type { Storage } from '../databases.ts';
import { replicaOf, runCommand, type Site, siteOn, startServer, WAIT } from '../server-process.ts';
import { LONG } from '../thorough.ts';
import { cachingVerifier } from './caching.ts';
import { type Door, openDoor } from './door.ts';
import { commandIn, rotateWhenSafe } from './in-process.ts';
import { withFastJwt, withJose, withJsonwebtoken } from './libraries.ts';
import { startTraffic, type Traffic } from './traffic.ts';
import type { Trust, Verifier } from './verifier.ts';
import { watchTokens } from './watch.ts';

/** V, so short that every verifier fetches anew between any two rotations. */
const KEEPS = seconds(LONG ? 3 : 1);

/** All times of the rotation, scaled from days to seconds. */
const TIMES = {
  ACCESS_TOKEN_TTL: '3s',
  VERIFIER_CACHE_TTL: LONG ? '3s' : '1s',
  JWKS_MAX_AGE: LONG ? '2s' : '0s',
  CLOCK_SKEW: LONG ? '1s' : '0s',
  KEY_LEASE: LONG ? '2s' : '1s',
  JWKS_CACHE_TTL: '1s',
};

const ROTATIONS = LONG ? 60 : 20;
/** Every so many rotations the command is a process of its own. */
const BY_PROCESS = 5;

/** Everybody who verifies: each library, and one that never looks early for each replica. */
const everyVerifier = (trust: Trust, urls: readonly string[]): Verifier[] => [
  withJose(trust),
  withJsonwebtoken(trust),
  withFastJwt(trust),
  ...urls.map((url) => cachingVerifier({ ...trust, jwksUrl: `${url}/.well-known/jwks.json` })),
];

/**
 * Rotates the keys of running servers, again and again as soon as it is safe, while clients log in,
 * refresh and call an API and verifiers judge every token until it expires. Nothing is refused.
 */
export async function rotateLive(storage: Storage, replicas: number): Promise<void> {
  const door = await openDoor();
  try {
    const site = await siteOn(storage, { ...TIMES, ISSUER_URL: door.url });
    const sites: Site[] = [site];
    while (sites.length < replicas) sites.push(await replicaOf(site));
    const servers = await Promise.all(sites.map((one) => startServer(one)));
    door.targets = servers.map(({ url }) => url);
    await Promise.all(servers.map((server) => server.ready()));
    await rotateAt(site, door);
    for (const server of servers) expect((await server.stop('SIGINT')).status).toBe(0);
  } finally {
    await door.close();
  }
}

async function rotateAt(site: Site, { url, targets }: Door): Promise<void> {
  const jwksUrl = `${url}/.well-known/jwks.json`;
  const trust = { jwksUrl, issuer: url, audience: url, keeps: KEEPS };
  const watch = watchTokens(everyVerifier(trust, targets));
  const traffic = startTraffic(targets, { clients: 4, pace: 100, onToken: watch.add });

  await Promise.race([rotateAndBeSeen(site, traffic), traffic.refused]);
  await traffic.stop();
  await watch.finish();

  expect({ count: watch.failures.length, first: watch.failures.slice(0, 5) }).toEqual({
    count: 0,
    first: [],
  });
  // Each token by everybody, most of them again and again.
  expect(watch.verifications).toBeGreaterThan(3 * watch.tokens);
  // Each key has signed, and each rotation made another the one that does.
  expect(traffic.kids.size).toBe(ROTATIONS + 1);
  expect(traffic.logins).toBeGreaterThan(ROTATIONS);
  expect(traffic.refreshes).toBeGreaterThan(10 * ROTATIONS);
}

/** Every rotation, each once somebody has a token of the key before, and one of the last. */
async function rotateAndBeSeen(site: Site, { kids }: Traffic): Promise<void> {
  for (let rotation = 0; rotation <= ROTATIONS; rotation++) {
    if (rotation > 0) await rotate(site, rotation);
    const { active } = (await commandIn(site, 'keys list')) as KeyReport;
    await vi.waitUntil(() => kids.has(String(active)), WAIT);
  }
}

/** One rotation, as soon as it is allowed. */
async function rotate(site: Site, rotation: number): Promise<void> {
  if (rotation % BY_PROCESS !== 0) {
    expect(await rotateWhenSafe(site)).toMatchObject({ changed: true });
    return;
  }
  await rotateWhenSafe(site, 'keys rotate --dry-run');
  const { stdout } = await runCommand(['keys', 'rotate', '--json'], site);
  expect(JSON.parse(stdout)).toMatchObject({ changed: true });
}
