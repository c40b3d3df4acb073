import { join } from 'node:path';
import pg from 'pg';
import { expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import { newDirectory } from '../support/databases.ts';
import { startMailServer } from '../support/mail-server.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { expectProblem } from '../support/problem.ts';
import { runCommand, siteOn, startServer, WAIT } from '../support/server-process.ts';
import { restoreDump, takeDump } from '../support/verifiers/dump.ts';

test('a mail that was sent before a restore is not sent again after `restored`, nor is its link good', async () => {
  const mailServer = await startMailServer();
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  mailServer.onMail = () => {
    reached.resolve();
    return released.promise;
  };
  const { url, drop } = await createTestDatabase();
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const outbox = async () => (await sql.query('SELECT kind FROM outbox_mails')).rows;
  const site = await siteOn(
    { url, dataDir: join(await newDirectory(), 'data') },
    {
      SMTP_URL: `smtp://127.0.0.1:${mailServer.port}`,
      MAIL_FROM: 'id@example.com',
      KEY_LEASE: '8s',
      SELF_CHECK: 'off',
    },
  );
  const server = await (await startServer(site)).ready();
  const client = clientOf(server);

  // The backup is made while the mail is under way.
  const { email } = await client.register();
  await reached.promise;
  const dump = await takeDump(url);
  released.resolve();
  await vi.waitUntil(async () => (await outbox()).length === 0, WAIT);
  expect(mailServer.mails).toHaveLength(1);
  expect(await runCommand(['keys', 'revoke', '--all'], site)).toMatchObject({ status: 0 });

  await restoreDump(url, dump);
  await vi.waitUntil(async () => (await fetch(`${server.url}/readyz`)).status === 503, WAIT);
  await sql.query('UPDATE outbox_mails SET next_attempt_at = created_at');
  expect(await outbox()).toEqual([{ kind: 'verify_email' }]);
  expect(await runCommand(['restored'], site)).toMatchObject({ status: 0 });
  expect(await outbox()).toEqual([]);

  // What is asked for from here on goes out, and nothing besides.
  await server.ready();
  await client.post('/api/auth/password/forgot', { email }).expect(202);
  await vi.waitUntil(() => mailServer.mails.length > 1, WAIT);
  await vi.waitUntil(async () => (await outbox()).length === 0, WAIT);
  const links = mailServer.mails.flatMap((mail) => mail.links);
  const paths = links.map((link) => new URL(link).pathname);
  expect(paths).toEqual(['/verify-email', '/reset-password']);
  const token = links[0]?.split('#token=')[1];
  expectProblem(await client.post('/api/auth/email/verify', { token }), 400, 'invalid_token');

  await server.stop('SIGINT');
  await sql.end();
  await mailServer.kill();
  await drop();
});
