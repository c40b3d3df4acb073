import { beforeAll, expect, test, vi } from 'vitest';
import type { RevocationReport } from '../../src/issuer/keys/commands.ts';
import type { KeyReport } from '../../src/issuer/keys/report.ts';
import { trustedUntil, VERIFIER_KINDS } from '../../src/issuer/keys/verifiers.ts';
import { type Duration, milliseconds, seconds } from '../../src/kit/duration.ts';
import {
  bearer,
  claimsOf,
  clientOf,
  partOf,
  registerServed,
  type SignedIn,
} from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  replicaOf,
  type ServerProcess,
  type Site,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { type Door, openDoor } from '../support/verifiers/door.ts';
import { commandIn } from '../support/verifiers/in-process.ts';
import { withFastJwt, withJose, withJsonwebtoken } from '../support/verifiers/libraries.ts';
import { startTraffic } from '../support/verifiers/traffic.ts';
import type { Trust, Verifier } from '../support/verifiers/verifier.ts';
import { watchTokens } from '../support/verifiers/watch.ts';

const TIMES = {
  ACCESS_TOKEN_TTL: '12s',
  VERIFIER_CACHE_TTL: '1s',
  JWKS_MAX_AGE: '1s',
  CLOCK_SKEW: '0s',
  KEY_LEASE: '1s',
};
const POLICY = {
  accessTokenTtl: seconds(12),
  keyRotationInterval: seconds(30 * 86_400),
  verifierCacheTtl: seconds(1),
  jwksMaxAge: seconds(1),
  clockSkew: seconds(0),
  keyLease: seconds(1),
};

let door: Door;
let site: Site;
let servers: readonly ServerProcess[];
beforeAll(async () => {
  door = await openDoor();
  const { url, drop } = await createTestDatabase();
  site = await siteOn({ url, dataDir: await newDirectory() }, { ...TIMES, ISSUER_URL: door.url });
  const sites = [site, await replicaOf(site), await replicaOf(site)];
  servers = await Promise.all(sites.map((one) => startServer(one)));
  door.targets = servers.map((server) => server.url);
  await Promise.all(servers.map((server) => server.ready()));
  return async () => {
    await door.close();
    await drop();
  };
});

const kidOf = (token: string): string => String(partOf(token, 0).kid);

/** Somebody on each replica. */
const signInEverywhere = (): Promise<SignedIn[]> =>
  Promise.all(servers.map((server) => registerServed(clientOf(server))));

/** Refreshes at each replica until it signs with a key. @returns the tokens of that key */
const untilSignedBy = (people: readonly SignedIn[], kid: string): Promise<string[]> =>
  Promise.all(
    people.map(async ({ refreshToken }, i) => {
      let latest = refreshToken;
      return vi.waitUntil(async () => {
        const { status, body } = await clientOf({ url: String(servers[i]?.url) }).refresh(latest);
        if (status !== 200) return undefined;
        latest = body.refresh_token;
        return kidOf(body.access_token) === kid && String(body.access_token);
      }, WAIT) as Promise<string>;
    }),
  );

/** No replica shows a key any more. */
const untilUnpublished = (kid: string): Promise<unknown> =>
  vi.waitUntil(async () => {
    const answers = await Promise.all(
      servers.map(async ({ url }) => (await fetch(`${url}/.well-known/jwks.json`)).text()),
    );
    return answers.every((text) => !text.includes(kid));
  }, WAIT);

/** A verifier with what it keeps, and how long it does not look for an unknown `kid`. */
interface Watched {
  readonly verifier: Verifier;
  readonly keeps: Duration;
  readonly cooldown: Duration;
}

/** Shows a stolen token beside an honest one until it is refused. @returns when it last was not */
async function lastTrusted({ verify }: Verifier, stolen: string, honest: string): Promise<number> {
  let last = 0;
  const expiresAt = Number(claimsOf(stolen).exp) * 1000;
  await vi.waitUntil(async () => {
    await verify(honest);
    const askedAt = Date.now();
    if (askedAt >= expiresAt - 1_000) return true;
    return verify(stolen).then(
      () => {
        last = askedAt;
        return false;
      },
      () => true,
    );
  }, WAIT);
  return last;
}

test('a stolen key is dropped by all who look, and no honest token is refused', async () => {
  const trust = (keeps: Duration): Trust => ({
    jwksUrl: `${door.url}/.well-known/jwks.json`,
    issuer: door.url,
    audience: door.url,
    keeps,
  });
  const none = seconds(0);
  const half = milliseconds(500);
  const verifiers: Watched[] = [
    // Only the key that nobody has seen makes it look again, long before its time.
    { verifier: withJose(trust(seconds(600)), half), keeps: seconds(600), cooldown: half },
    { verifier: withJsonwebtoken(trust(seconds(3))), keeps: seconds(3), cooldown: none },
    { verifier: withFastJwt(trust(seconds(3))), keeps: seconds(3), cooldown: none },
  ];
  const victims = await signInEverywhere();
  const [{ accessToken: stolen } = { accessToken: '' }] = victims;
  for (const { verifier } of verifiers) await verifier.verify(stolen);
  const before = (await commandIn(site, 'keys list')) as KeyReport;
  const stolenKid = String(before.active);
  expect(kidOf(stolen)).toBe(stolenKid);

  const watch = watchTokens(verifiers.map(({ verifier }) => verifier));
  const traffic = startTraffic(door.targets, {
    clients: 2,
    pace: 200,
    onToken: (token) => kidOf(token) !== stolenKid && watch.add(token),
  });
  await vi.waitUntil(() => traffic.logins >= 2, WAIT);

  const report = (await commandIn(site, `keys revoke ${stolenKid}`)) as RevocationReport;
  const fresh = String(report.next);
  const dateOf = (kid: string, what: 'revoked_at' | 'activated_at'): Date =>
    new Date(`${report.keys.find((key) => key.kid === kid)?.[what]}`);
  const revokedAt = dateOf(stolenKid, 'revoked_at');
  const freshSignsAt = dateOf(fresh, 'activated_at');
  expect(report.active).toBe(before.next);
  expect(+freshSignsAt - +revokedAt).toBe(2_000);
  await untilUnpublished(stolenKid);

  // Nobody has to log in again: each replica signs what is asked of it with the fresh key.
  const honest = await untilSignedBy(victims, fresh);
  for (const token of honest) {
    expect(Number(claimsOf(token).iat)).toBeGreaterThanOrEqual(Math.floor(+freshSignsAt / 1000));
  }
  const lasts = await Promise.all(
    verifiers.map(({ verifier }) => lastTrusted(verifier, stolen, String(honest[0]))),
  );
  verifiers.forEach(({ verifier, keeps, cooldown }, i) => {
    const kind = VERIFIER_KINDS.find(({ name }) => name === verifier.kind);
    if (!kind) throw new Error(`${verifier.name} is not in the table`);
    const scaled = {
      ...kind,
      keeps: kind.keeps === 'for_ever' ? kind.keeps : keeps,
      cooldown,
    };
    const until = trustedUntil(scaled, POLICY, revokedAt, freshSignsAt);
    if (until) expect(lasts[i]).toBeLessThanOrEqual(+until);
    // What the command said of it, with the times that it has by itself.
    expect(report.still_trusted_by.find(({ verifier: name }) => name === kind.name)).toEqual({
      verifier: kind.name,
      until: trustedUntil(kind, POLICY, revokedAt, freshSignsAt)?.toISOString() ?? null,
    });
  });
  for (const url of door.targets) {
    const { status } = await fetch(`${url}/api/auth/me`, { headers: bearer(stolen) });
    expect(status).toBe(401);
  }

  await traffic.stop();
  await watch.finish();
  expect(watch.failures).toEqual([]);
  expect(watch.tokens).toBeGreaterThan(20);
  expect(traffic.kids).toContain(before.next);
  expect(traffic.kids).toContain(fresh);
});

test('with --now a fresh key signs at once, and sessions go on', async () => {
  const people = await signInEverywhere();
  const before = (await commandIn(site, 'keys list')) as KeyReport;
  const report = (await commandIn(site, `keys revoke ${before.active} --now`)) as KeyReport;
  expect(before.keys.map(({ kid }) => kid)).not.toContain(report.active);
  await untilUnpublished(String(before.active));
  await untilSignedBy(people, String(report.active));
});

test('after revoke --all every session goes on with new keys', async () => {
  const people = await signInEverywhere();
  const before = (await commandIn(site, 'keys list')) as KeyReport;
  const report = (await commandIn(site, 'keys revoke --all')) as KeyReport;
  for (const kid of [before.active, before.next]) await untilUnpublished(String(kid));
  await untilSignedBy(people, String(report.active));
  for (const { accessToken } of people) {
    for (const url of door.targets) {
      const { status } = await fetch(`${url}/api/auth/me`, { headers: bearer(accessToken) });
      expect(status).toBe(401);
    }
  }
});
