import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { claimsOf, clientOf } from '../support/client.ts';
import { DRIVERS, type Storage } from '../support/databases.ts';
import { reportFault } from '../support/fault-report.ts';
import {
  type Env,
  replicaOf,
  type ServerProcess,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';

const HOUR = 3_600_000;
const STEPS = [HOUR, -HOUR];
const PRELOAD = pathToFileURL(join(import.meta.dirname, '../support/step-clock.ts')).href;

/** A server whose clock can be set, and how to set it. */
async function startWithClock(storage: Storage, env: Env = {}) {
  const site = await siteOn(storage, {
    NODE_OPTIONS: `--import=${PRELOAD}`,
    CLOCK_STEPS: STEPS.join(','),
    SELF_CHECK: 'off',
    ...env,
  });
  const server = await (await startServer(site)).ready();
  return { site, server, step: () => stepped(server) };
}

/** Sets the clock, and resolves when that is done. */
async function stepped(server: ServerProcess): Promise<void> {
  const { length } = server.said.stderr;
  server.kill('SIGUSR2');
  await vi.waitUntil(() => server.said.stderr.length > length, WAIT);
}

/** Seconds that a new access token's `iat` is away from the true time. */
async function lagOf(server: ServerProcess, refreshToken: string) {
  const { body } = await clientOf(server).refresh(refreshToken).expect(200);
  const lag = Number(claimsOf(body.access_token).iat) - Date.now() / 1000;
  return { lag, accessToken: body.access_token, refreshToken: body.refresh_token };
}

const [postgres, embedded] = DRIVERS;

test('on PostgreSQL a replica whose clock is set wrong goes by the database', async () => {
  const storage = (await postgres?.create()) as Storage;
  const { site, server, step } = await startWithClock(storage);
  const env: Env = { ...site.env, NODE_OPTIONS: undefined };
  const honest = await (await startServer(await replicaOf({ ...site, env }))).ready();
  let somebody = await clientOf(honest).register();
  let acknowledged = 1;
  for (const _ of STEPS) {
    await step();
    const { lag, ...tokens } = await lagOf(server, somebody.refreshToken);
    expect(Math.abs(lag)).toBeLessThan(60);
    await clientOf(honest).me(tokens).expect(200);
    await clientOf(server).me(tokens).expect(200);
    const back = await lagOf(honest, tokens.refreshToken);
    expect(Math.abs(back.lag)).toBeLessThan(60);
    await clientOf(server).me(back).expect(200);
    somebody = await clientOf(server).login(somebody);
    acknowledged += 3;
  }
  reportFault({
    fault: "a server's clock set an hour on, then an hour back",
    times: 1,
    acknowledged,
  });
  await Promise.all([server, honest].map((one) => one.stop('SIGINT')));
  await storage.drop();
});

test('on the embedded database a clock that is set logs nobody out', async () => {
  const storage = (await embedded?.create()) as Storage;
  // The time is read anew four times in a lease.
  const { server, step } = await startWithClock(storage, { KEY_LEASE: '8s' });
  const client = clientOf(server);
  const jwks = (await client.get('/.well-known/jwks.json').expect(200)).text;
  const somebody = await client.register();
  let { refreshToken } = somebody;
  for (const offset of STEPS) {
    await step();
    await vi.waitUntil(async () => {
      const next = await lagOf(server, refreshToken);
      refreshToken = next.refreshToken;
      return Math.abs(next.lag - offset / 1000) < 60;
    }, WAIT);
    const next = await lagOf(server, refreshToken);
    refreshToken = next.refreshToken;
    await client.me(next).expect(200);
    await client.get('/readyz').expect(200);
    expect((await client.get('/.well-known/jwks.json').expect(200)).text).toBe(jwks);
  }
  await client.login(somebody);
  await server.stop('SIGINT');
  await storage.drop();
});
