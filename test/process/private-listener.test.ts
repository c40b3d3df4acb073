import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { readExposition } from '../support/exposition.ts';
import { freePort } from '../support/free-port.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { emptySite, runCommand, siteOn, startServer } from '../support/server-process.ts';

test('a private port that is taken ends the start with 1 and says so', async () => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  const { port } = occupant.address() as AddressInfo;
  const site = await emptySite({ PORT: '0', ADMIN_PORT: String(port) });
  const { status, stderr } = await runCommand(['serve'], site);
  occupant.close();
  expect(status).toBe(1);
  expect(stderr).toMatch(
    new RegExp(`^Keyturn cannot run: .*127.0.0.1:${port}.*set ADMIN_PORT to another`),
  );
  expect(stderr.trim().split('\n')).toHaveLength(1);
});

test('metrics are served privately, and no command wants the port', async () => {
  const port = await freePort();
  const storage = await createTestDatabase();
  const site = await siteOn(
    { url: storage.url, dataDir: await newDirectory() },
    { ADMIN_PORT: String(port) },
  );
  const server = await (await startServer(site)).ready();
  await clientOf(server).get('/metrics').expect(404);
  const scraped = await fetch(`http://127.0.0.1:${port}/metrics`);
  const { value } = readExposition(await scraped.text());
  expect(value('keyturn_can_sign')).toBe(1);
  expect(value('keyturn_process_resident_memory_bytes')).toBeGreaterThan(1e7);
  expect(value('keyturn_nodejs_eventloop_lag_p99_seconds')).toBeDefined();
  expect((await runCommand(['keys', 'list', '--json'], site)).status).toBe(0);
  expect(await server.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' });
  await storage.drop();
});
