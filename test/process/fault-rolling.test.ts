import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startBalancer } from '../support/balancer.ts';
import { newDirectory } from '../support/databases.ts';
import { reportFault } from '../support/fault-report.ts';
import { startPacedLoad } from '../support/paced-load.ts';
import { createTestDatabase } from '../support/postgres.ts';
import {
  PATIENCE,
  replicaOf,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';

const REPLICAS = 3;
/** Each of the three ten times, or two of them once. */
const REPLACED = LONG ? 10 * REPLICAS : 2;
/** Requests a second. */
const RATE = 200;
/** A machine that is a second behind is asked for less: too much work is another test's. */
const OFFERED = { rate: RATE, most: RATE };

test('three replicas are replaced one by one under load, and no request fails', {
  timeout: PATIENCE,
}, async () => {
  const database = await createTestDatabase();
  const site = await siteOn(
    { url: database.url, dataDir: join(await newDirectory(), 'data') },
    { DRAIN_DELAY: '3s', ACCESS_TOKEN_TTL: '1h' },
  );
  const balancer = await startBalancer();
  onTestFinished(() => balancer.close());
  const start = async () => {
    const server = await (await startServer(await replicaOf(site))).ready();
    balancer.add(server.url);
    return server;
  };
  const servers = await Promise.all(Array.from({ length: REPLICAS }, start));
  await vi.waitUntil(async () => (await statusOf(`${balancer.url}/readyz`)) === 200, WAIT);

  const load = await startPacedLoad(balancer, OFFERED);
  await load.more(RATE);
  for (let replaced = 0; replaced < REPLACED; replaced++) {
    const replacement = await start();
    const old = servers.shift();
    servers.push(replacement);
    expect(await old?.stop('SIGTERM')).toMatchObject({ status: 0, stderr: '' });
    if (old) balancer.remove(old.url);
  }
  await load.more(RATE);
  const { answered, acknowledged, rate, failures } = await load.finish();
  expect(failures).toEqual([]);
  const figure = `${Math.round(rate)} requests/s of ${RATE} offered, none failed`;
  process.stdout.write(`${answered} requests, ${figure}\n`);
  reportFault({
    fault: 'SIGTERM: three replicas replaced one by one under load',
    times: REPLACED,
    acknowledged,
    note: figure,
  });
  await Promise.all(servers.map((server) => server.stop('SIGINT')));
  await database.drop();
});
