import { expect, test, vi } from 'vitest';
import { clientOf } from '../support/client.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { MAIN, siteOn, startServer, WAIT } from '../support/server-process.ts';

/** Writes a line to the standard error for each of nodemailer's files that is loaded. */
const WATCH = `import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    if (/nodemailer|mail-composer|smtp-connection/.test(url)) process.stderr.write(url + '\\n');
    return next(url, context);
  },
});`;
const SERVE = ['--import', `data:text/javascript,${encodeURIComponent(WATCH)}`, MAIN, 'serve'];

test.each([
  ['files', {}],
  ['a mail server', { SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'id@example.com' }],
])(
  'a start that mails to %s loads nothing of nodemailer before there is a mail',
  async (_, env) => {
    const { url, drop } = await createTestDatabase();
    const site = await siteOn({ url, dataDir: 'data' }, env);
    const server = await (await startServer({ ...site, serve: SERVE })).ready();
    expect(server.said.stderr).toBe('');
    await clientOf(server).register();
    await vi.waitUntil(() => server.said.stderr.includes('mail-composer'), WAIT);
    await server.stop('SIGINT');
    await drop();
  },
);
