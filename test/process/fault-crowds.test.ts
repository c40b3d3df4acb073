import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bearer, clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { reportFault } from '../support/fault-report.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { sendRubbish } from '../support/rubbish.ts';
import {
  PATIENCE,
  type ServerProcess,
  siteOn,
  startServer,
  WAIT,
} from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';

const SLOW = 2_000;
/** How long a connection has for its first request's headers, in milliseconds. */
const GIVEN = 10_000;
/** Milliseconds of rubbish. */
const FLOOD = LONG ? 300_000 : 8_000;
const AT_A_TIME = 500;
/** How many MiB the memory may differ between the first and the last third of the flood. */
const FLAT = 48;

let database: TestDatabase;
let server: ServerProcess;
beforeAll(async () => {
  database = await createTestDatabase();
  const storage = { url: database.url, dataDir: join(await newDirectory(), 'data') };
  // Rubbish comes from many addresses, and what is counted for each is counted.
  const site = await siteOn(storage, { RATE_LIMIT: 'on', TRUST_PROXY: '1' });
  server = await (await startServer(site)).ready();
});
afterAll(async () => {
  await server.stop('SIGINT');
  await database.drop();
});

/** The resident memory of a process, in MiB. */
function memoryOf({ pid }: ServerProcess): number {
  const [, kibibytes] =
    /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}

/** Ways to begin a request, without its end; those with a body may take longer. */
const BEGINNINGS = [
  '',
  'GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n',
  'POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
];
const KINDS = LONG ? 3 : 2;

test('a flood of rubbish leaves memory as it was', { timeout: PATIENCE }, async () => {
  const client = clientOf(server);
  const somebody = await client.register();
  const jwks = (await client.get('/.well-known/jwks.json').expect(200)).text;
  const samples: number[] = [];
  let sent = 0;
  const end = performance.now() + FLOOD;
  while (performance.now() < end || samples.length < 3) {
    const statuses = await sendRubbish(server.url, AT_A_TIME);
    expect(statuses.filter((status) => status < 400 || status >= 500)).toEqual([]);
    sent += AT_A_TIME;
    samples.push(memoryOf(server));
  }
  await client.refresh(somebody.refreshToken).expect(200);
  expect((await client.get('/.well-known/jwks.json').expect(200)).text).toBe(jwks);
  const third = Math.floor(samples.length / 3);
  const first = Math.max(...samples.slice(0, third));
  const last = Math.max(...samples.slice(-third));
  expect(last - first).toBeLessThan(FLAT);
  reportFault({
    fault: `${FLOOD / 1000} s of rubbish`,
    times: sent,
    note: `none answered below 400 or above 499; RSS ${Math.round(first)} MiB in the first third, ${Math.round(last)} MiB in the last`,
  });
});

test('two thousand slow connections hold nobody up, and are closed', {
  timeout: PATIENCE,
}, async () => {
  const client = clientOf(server);
  const somebody = await client.register();
  const { port, hostname } = new URL(server.url);
  const lives: number[] = [];
  for (let i = 0; i < SLOW; i++) {
    const begun = performance.now();
    const socket = connect(Number(port), hostname);
    socket
      .on('error', () => {})
      .on('close', () => lives.push(performance.now() - begun))
      .resume();
    await once(socket, 'connect');
    socket.write(BEGINNINGS[i % KINDS] ?? '');
  }

  await client.get('/.well-known/jwks.json').expect(200);
  const { body } = await client.refresh(somebody.refreshToken).expect(200);
  await client.get('/api/users/me/todos', bearer(body.access_token)).expect(200);
  await client.login(somebody);
  await client.get('/readyz').expect(200);
  const memory = Math.round(memoryOf(server));

  await vi.waitUntil(() => lives.length === SLOW, WAIT);
  // Each had its time, however many there were: none made room for others.
  expect(Math.min(...lives)).toBeGreaterThanOrEqual(GIVEN);
  await client.login(somebody);
  reportFault({
    fault: 'slow connections at once',
    times: SLOW,
    note: `others served; RSS ${memory} MiB; all closed by the server`,
  });
});
