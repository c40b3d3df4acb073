import { expect, test, vi } from 'vitest';
import { bearer, clientOf } from '../support/client.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { MAIN, siteOn, startServer, WAIT } from '../support/server-process.ts';

/** Writes at the end which parts of Node.js were loaded. */
const WATCH = `process.on('exit', () => process.stderr.write(process.moduleLoadList.join('\\n')));`;
const SERVE = ['--import', `data:text/javascript,${encodeURIComponent(WATCH)}`, MAIN, 'serve'];

test('a server never loads what is behind fetch', async () => {
  const { url, drop } = await createTestDatabase();
  const site = await siteOn({ url, dataDir: 'data' });
  const server = await (await startServer({ ...site, serve: SERVE })).ready();
  const client = clientOf(server);
  const somebody = await client.register();
  await client.refresh(somebody.refreshToken).expect(200);
  const { accessToken, email } = await client.login(somebody);
  const headers = bearer(accessToken);
  for (const path of ['auth/me', 'auth/sessions', 'users/me/todos']) {
    await client.get(`/api/${path}`, headers).expect(200);
  }
  await client.post('/api/users/me/todos', { title: 'Load less' }, headers).expect(201);
  await client.post('/api/auth/password/forgot', { email }).expect(202);
  await client.post('/api/auth/email/resend', {}, headers).expect(202);
  for (const path of ['/login', '/account', '/app', '/docs', '/openapi.json', '/readyz']) {
    await client.get(path);
  }
  await client.get('/api/nothing').expect(404);
  // The bundled resource server and the self-check have fetched the keys, each for itself.
  await vi.waitUntil(() => (server.said.stdout.match(/jwks\.json/g)?.length ?? 0) >= 2, WAIT);
  const { stderr } = await server.stop('SIGINT');
  expect(stderr).toContain('NativeModule http\n');
  expect(stderr).not.toContain('undici');
  await drop();
});
