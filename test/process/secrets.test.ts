import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { bearer, browserAt, clientOf, freshEmail, PASSWORD } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { ISSUER } from '../support/keyturn.ts';
import { administer, createTestDatabase } from '../support/postgres.ts';
import {
  logLines,
  runCommand,
  siteOn,
  startServer,
  statusOf,
  WAIT,
} from '../support/server-process.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';

test('at trace level nothing secret is on standard output or error', async () => {
  const database = await createTestDatabase();
  const url = new URL(database.url);
  const role = `r${randomBytes(4).toString('hex')}`;
  const databasePassword = randomBytes(12).toString('hex');
  await administer(
    database.url,
    `create role ${role} login superuser password '${databasePassword}'`,
  );
  const door = await tcpProxy(Number(url.port));
  url.port = String(door.port);
  url.username = role;
  url.password = databasePassword;
  const site = await siteOn(
    { url: url.href, dataDir: join(await newDirectory(), 'data') },
    { LOG_LEVEL: 'trace' },
  );
  const server = await (await startServer(site)).ready();
  const client = clientOf(server);

  const wrong = 'a wrong password of somebody';
  const weak = 'password1';
  const secrets = new Set([PASSWORD, wrong, databasePassword]);
  const keep = ({ body }: { body: { access_token: string; refresh_token?: string } }) => {
    for (const token of [body.access_token, body.refresh_token]) if (token) secrets.add(token);
    return body;
  };
  const somebody = await client.register();
  secrets.add(somebody.accessToken).add(somebody.refreshToken);
  const credentials = { email: somebody.email, password: PASSWORD };
  keep(await client.post('/api/auth/login', credentials).expect(200));
  await client.post('/api/auth/login', { ...credentials, password: wrong }).expect(401);
  await client.post('/api/auth/login', { ...credentials, extra: wrong }).expect(400);
  await client.post('/api/auth/register', { ...credentials, name: 'Ann' }).expect(409);
  await client.post('/api/auth/register', { email: freshEmail(), password: weak, name: 'A' });

  const { refresh_token: second = '' } = keep(
    await client.refresh(somebody.refreshToken).expect(200),
  );
  keep(await client.refresh(somebody.refreshToken).expect(200));
  const { refresh_token: third = '' } = keep(await client.refresh(second).expect(200));
  await client.me(somebody).expect(200);

  // Where tokens do not belong, and cut off.
  const { accessToken } = somebody;
  await client.get(`/api/auth/me?access_token=${accessToken}`).expect(401);
  await client.get(`/api/auth/sessions/${third}`).expect(405);
  await client.get(`/no-such-place/${third}`).expect(404);
  await client.post(`/api/auth/refresh?refresh_token=${third}`).expect(401);
  await client.post('/api/auth/refresh', { refresh_token: accessToken }).expect(401);
  await client.get('/api/auth/me', bearer(third)).expect(401);
  await client.get('/api/auth/me', bearer(accessToken.slice(0, -4))).expect(401);
  await client.get('/healthz', { 'User-Agent': accessToken, Referer: `/x#${third}` }).expect(200);
  await client.get('/healthz', { 'X-Request-Id': third }).expect(200);

  const browser = browserAt({ url: server.url, issuer: ISSUER });
  await browser.login(somebody.email);
  secrets.add(String(browser.cookie?.split('=')[1]));
  keep(await browser.refresh());
  await browser.post('/api/auth/logout');

  // Theft, and an outage in the middle of everything.
  await client.refresh(somebody.refreshToken).expect(401);
  door.set('refuse');
  await client.post('/api/auth/login', credentials).expect(503);
  await client.refresh(third).expect(503);
  door.set('open');
  await vi.waitUntil(async () => (await statusOf(`${server.url}/readyz`)) === 200, WAIT);
  keep(await client.post('/api/auth/login', credentials).expect(200));

  const key = readFileSync(join(site.cwd, 'keys/0001.key'), 'utf8').trim();
  secrets.add(key).add(Buffer.from(key, 'base64url').toString('hex'));
  const ends = [await server.stop('SIGTERM'), await runCommand(['migrate'], site)];
  // And a start that fails with everything at hand.
  const env = { ...site.env, KEYS_DIR: await newDirectory() };
  ends.push(await runCommand(['serve'], { ...site, env }));
  expect(ends.map(({ status }) => status)).toEqual([0, 0, 78]);
  await door.close();

  const output = ends.map(({ stdout, stderr }) => stdout + stderr).join('\n');
  const events = logLines(ends[0]?.stdout ?? '').map(({ event }) => event);
  expect(events).toEqual(expect.arrayContaining(['registered', 'refresh_token_reused']));
  expect(secrets.size).toBeGreaterThan(10);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(11);
    expect(output).not.toContain(secret);
    // A part of a token is half of a way in.
    if (secret.startsWith('ktr_')) expect(output).not.toContain(secret.slice(-32));
    if (secret.startsWith('ey')) expect(output).not.toContain(secret.split('.')[2]);
  }
  expect(output).not.toMatch(/\$argon2|PRIVATE KEY|ktr_/);
  await database.drop();
  await administer(database.url.replace(/\/[^/]*$/, '/postgres'), `drop role ${role}`);
});
