import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { siteOn, startServer } from '../support/server-process.ts';

test('a signal ends a start that still tries to get the keys of the issuer', async () => {
  const jwks = createServer((_request, response) => response.writeHead(503).end());
  jwks.listen(0, '127.0.0.1');
  await once(jwks, 'listening');
  const { port } = jwks.address() as AddressInfo;
  const database = await createTestDatabase();
  // Were it to go on trying, the end would come long after this test has given up.
  const site = await siteOn(
    { url: database.url, dataDir: 'data' },
    { JWKS_URI: `http://127.0.0.1:${port}/`, JWKS_STARTUP_TIMEOUT: '30m' },
  );
  const tried = once(jwks, 'request');
  const server = await startServer(site);
  await tried;
  const { status, stderr } = await server.stop('SIGTERM');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  jwks.close();
  await database.drop();
});
