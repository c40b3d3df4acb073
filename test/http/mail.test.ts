import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openOutboxSealer } from '../../src/issuer/keys/secrets.ts';
import { enqueueMail } from '../../src/issuer/mail/outbox.ts';
import { after, seconds } from '../../src/kit/duration.ts';
import { DRIVERS } from '../support/databases.ts';
import { mailsOf } from '../support/eml.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { startMailServer } from '../support/mail-server.ts';

const TO = { email: 'ann@example.net', name: 'Ann', userId: null };

const issuerOf = ({ parts: { issuer } }: TestKeyturn) => {
  if (!issuer) throw new Error('there is no issuer');
  return issuer;
};

/** Puts a mail with a link into the outbox, as another process would, and answers the token. */
async function enqueue(keyturn: TestKeyturn): Promise<string> {
  const { database, clock } = keyturn;
  const { sealer: keys } = issuerOf(keyturn).transitions;
  const sealer = await openOutboxSealer({ db: database.db, sealer: keys });
  const token = randomBytes(32).toString('base64url');
  const link = `http://localhost:3000/reset-password#token=${token}`;
  const expiresAt = after(clock.now(), seconds(1800));
  const mail = { kind: 'reset_password', link, expiresAt } as const;
  await database.transaction((tx) => enqueueMail(tx, { sealer }, TO, mail, clock.now()));
  return token;
}

describe.each(DRIVERS)('mails on $name', (driver) => {
  const start = async (env: Record<string, string> = {}) => {
    const keyturn = await startKeyturn(driver, { env });
    onTestFinished(() => keyturn.close());
    return keyturn;
  };

  test('without a mail server are files that nobody else reads, and the log says which', async () => {
    const keyturn = await start({ BRAND_NAME: 'Example' });
    const token = await enqueue(keyturn);
    const [mail] = await mailsOf(keyturn);
    expect(mail).toMatchObject({ to: TO.email, subject: 'Reset your Example password' });
    expect(mail?.headers.from).toBe('Example <no-reply@localhost>');
    expect(mail?.links).toEqual([`http://localhost:3000/reset-password#token=${token}`]);
    const directory = join(keyturn.config.dataDir, 'mail');
    const [name = '', ...more] = await readdir(directory);
    expect(more).toEqual([]);
    expect(name).toMatch(/^20260101T000000Z-reset-password-[0-9a-f-]{36}\.eml$/);
    const file = join(directory, name);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const said = keyturn.lines.filter((line) => line.includes(file));
    expect(said.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', msg: 'mail written', kind: 'reset_password' },
    ]);
    const log = keyturn.lines.join('');
    for (const secret of [token, TO.email]) expect(log).not.toContain(secret);
  });

  test('go by the mail server that is set, from the sender that is set', async () => {
    const server = await startMailServer();
    onTestFinished(() => server.kill());
    const keyturn = await start({
      SMTP_URL: `smtp://127.0.0.1:${server.port}`,
      MAIL_FROM: 'Example <id@example.com>',
    });
    const token = await enqueue(keyturn);
    issuerOf(keyturn).jobs.sendMail();
    await vi.waitUntil(() => server.mails.length > 0, 20_000);
    expect(server.mails).toMatchObject([
      { sender: 'id@example.com', recipients: [TO.email], to: TO.email },
    ]);
    expect(server.mails[0]?.text).toContain(token);
    expect(keyturn.lines.join('')).not.toContain(token);
  });

  test('of a database that was restored never go', async () => {
    const keyturn = await start();
    const { keyring, jobs } = issuerOf(keyturn);
    await keyturn.sql('UPDATE key_state SET state_version = 0');
    await keyring.poll();
    await enqueue(keyturn);
    jobs.sendMail();
    // Far more statements than a mail takes, on the same database.
    for (let i = 0; i < 100; i++) await keyturn.sql('SELECT 1');
    await jobs.stop();
    expect(await keyturn.sql('SELECT id FROM outbox_mails')).toHaveLength(1);
    expect(await readdir(join(keyturn.config.dataDir, 'mail')).catch(() => [])).toEqual([]);
  });
});
