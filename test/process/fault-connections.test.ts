import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bearer, clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { type Load, startLoad } from '../support/fault-load.ts';
import { reportFault } from '../support/fault-report.ts';
import { within } from '../support/lived-time.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { expectProblem } from '../support/problem.ts';
import { PATIENCE, type ServerProcess, siteOn, startServer } from '../support/server-process.ts';
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts';
import { LONG } from '../support/thorough.ts';

const CUTS = LONG ? 1_000 : 40;
const COMMITS = LONG ? 50 : 5;
/** Of what the server sends to PostgreSQL, the part that is followed by a cut. */
const CHANCE = 0.05;
/** Far more than the pool has connections. */
const CROWD = 40;
/** The same process serves again by then, says the contract. */
const RECOVERED = 10_000;

let database: TestDatabase;
let door: TcpProxy;
let server: ServerProcess;
let load: Load;

beforeAll(async () => {
  database = await createTestDatabase();
  const url = new URL(database.url);
  door = await tcpProxy(Number(url.port));
  url.port = String(door.port);
  const dataDir = join(await newDirectory(), 'data');
  const site = await siteOn({ url: url.href, dataDir }, { REFRESH_REPLAY_WINDOW: '1h' });
  server = await (await startServer(site)).ready();
  load = await startLoad(server);
  await load.recovered();
});

afterAll(async () => {
  await server.stop('SIGKILL');
  await door.close();
  await database.drop();
});

/** How long it takes until all goes on. */
async function recovery(): Promise<number> {
  const time = await load.recovered();
  expect(time).toBeLessThan(RECOVERED);
  return time;
}

test('connections are cut at random, after what was sent has arrived', {
  timeout: PATIENCE,
}, async () => {
  door.cutAtRandom(CHANCE);
  await load.until(() => door.cuts >= CUTS);
  door.cutAtRandom(0);
  const fault = 'connections to PostgreSQL cut at random, the answer lost';
  reportFault({ fault, times: door.cuts, recovery: await recovery() });
});

test('connections are cut between COMMIT and its answer', { timeout: PATIENCE }, async () => {
  const before = door.cuts;
  let slowest = 0;
  for (let round = 1; round <= COMMITS; round++) {
    const cuts = door.cuts;
    door.cutAfter('commit\0');
    await load.until(() => door.cuts > cuts);
    door.cutAfter(undefined);
    slowest = Math.max(slowest, await recovery());
  }
  const fault = 'connections cut between COMMIT and its answer';
  reportFault({ fault, times: door.cuts - before, recovery: slowest });
});

test('every connection of the pool is taken', { timeout: PATIENCE }, async () => {
  const client = clientOf(server);
  const { accessToken } = await client.register();
  const jwks = (await client.get('/.well-known/jwks.json').expect(200)).text;
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  await holder.query('begin; lock table sessions');
  // A call that shares its statement with no other.
  const crowd = Array.from({ length: CROWD }, () =>
    client.get('/api/auth/sessions', bearer(accessToken)),
  );
  for (const answer of await within(RECOVERED, Promise.all(crowd)))
    expectProblem(answer, 503, 'unavailable');
  expect((await client.get('/.well-known/jwks.json').expect(200)).text).toBe(jwks);
  await holder.query('rollback');
  await holder.end();
  reportFault({
    fault: 'connections of the pool all taken',
    times: 1,
    recovery: await recovery(),
  });
  // Some waited for the lock; the others never got a connection.
  expect(server.said.stdout).toMatch(/timeout exceeded when trying to connect/);
  await client.get('/api/auth/sessions', bearer(accessToken)).expect(200);
});

test('nothing of it lost anything', { timeout: PATIENCE }, async () => {
  const { acknowledged, unanswered } = await load.finish();
  expect(unanswered).toBeGreaterThan(0);
  reportFault({ fault: 'connections: all of these together', acknowledged });
  expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });
});
