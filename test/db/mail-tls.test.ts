import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { renderMessage } from '../../src/issuer/mail/message.ts';
import { smtpTransport } from '../../src/issuer/mail/smtp-transport.ts';
import { readSmtpUrl } from '../../src/issuer/mail/smtp-url.ts';
import type { OutgoingMail } from '../../src/issuer/mail/transport.ts';
import { type MailServer, refusal, startMailServer } from '../support/mail-server.ts';
import { SETTINGS } from '../support/outbox.ts';

const ANY_CERTIFICATE = 'tls.rejectUnauthorized=false';
let mail: OutgoingMail;

beforeAll(async () => {
  const row = {
    id: '019b7a00-0000-7000-8000-000000000000',
    kind: 'password_changed',
    userId: null,
    recipient: 'ann@example.net',
    createdAt: new Date('2026-01-01T00:00:00Z'),
  } as const;
  mail = await renderMessage(SETTINGS, row, { name: null, mail: { kind: row.kind } });
});

async function start(options: Parameters<typeof startMailServer>[0]): Promise<MailServer> {
  const server = await startMailServer(options);
  onTestFinished(() => server.kill());
  return server;
}

/** Sends by a URL in which PORT stands for the server's. */
async function send(server: MailServer, url: string): Promise<unknown> {
  const read = readSmtpUrl(url.replace('PORT', String(server.port)));
  const session = await smtpTransport(read).open();
  try {
    return await session.send(mail);
  } finally {
    session.close();
  }
}

const login: Parameters<typeof startMailServer>[0] = {
  authOptional: false,
  allowInsecureAuth: true,
  onAuth({ username, password }, _session, done) {
    const right = username === 'id@example.com' && password === 'p/:%@ ?';
    if (right) done(null, { user: username });
    else done(refusal(535, '5.7.8 no'));
  },
};
const USER = `id%40example.com:${encodeURIComponent('p/:%@ ?')}`;

describe('TLS', () => {
  test('from the first byte', async () => {
    const server = await start({ secure: true });
    await send(server, `smtps://127.0.0.1:PORT?${ANY_CERTIFICATE}`);
    expect(server.mails).toMatchObject([{ secure: true, to: 'ann@example.net' }]);
  });

  test('after a start without it, where it is demanded', async () => {
    const server = await start({});
    await send(server, `smtp://127.0.0.1:PORT?requireTLS=true&${ANY_CERTIFICATE}`);
    expect(server.mails).toMatchObject([{ secure: true }]);
  });

  test('is not needed to a server on this machine', async () => {
    const server = await start({});
    await send(server, 'smtp://127.0.0.1:PORT');
    expect(server.mails).toMatchObject([{ secure: false }]);
  });

  test.each(['smtps://127.0.0.1:PORT', 'smtp://127.0.0.1:PORT?requireTLS=true'])(
    'with a certificate that is nobody’s is refused: %s',
    async (url) => {
      const server = await start({ secure: url.startsWith('smtps') });
      await expect(send(server, url)).rejects.toMatchObject({
        kind: 'away',
        message: expect.stringMatching(/^no answer \(.*(CERT|TLS).*\)$/),
      });
      expect(server.mails).toEqual([]);
    },
  );

  test('that is demanded and not offered ends it before anything is said', async () => {
    const server = await start({ ...login, hideSTARTTLS: true, disabledCommands: ['STARTTLS'] });
    await expect(send(server, `smtp://${USER}@127.0.0.1:PORT?requireTLS=true`)).rejects.toThrow();
    expect(server.mails).toEqual([]);
  });
});

describe('a login', () => {
  test.each(['PLAIN', 'LOGIN'])('by %s with what the URL says', async (method) => {
    const server = await start({ ...login, authMethods: [method] });
    await send(server, `smtp://${USER}@127.0.0.1:PORT`);
    expect(server.mails).toMatchObject([{ user: 'id@example.com' }]);
  });

  test('that is refused concerns every mail, and the password is not told', async () => {
    const server = await start(login);
    const sent = send(server, 'smtp://id%40example.com:hunter2@127.0.0.1:PORT');
    await expect(sent).rejects.toMatchObject({
      kind: 'away',
      message: expect.stringMatching(/^the mail server answered AUTH PLAIN 535( 5\.7\.8)?$/),
    });
  });

  test('that is lacking can be mended by the operator: the mail waits', async () => {
    const server = await start({ ...login, disabledCommands: [] });
    await expect(send(server, 'smtp://127.0.0.1:PORT')).rejects.toMatchObject({ kind: 'later' });
  });
});

test('a connection carries one mail after another', async () => {
  const server = await start({});
  const session = await smtpTransport(readSmtpUrl(`smtp://127.0.0.1:${server.port}`)).open();
  for (let i = 0; i < 3; i++) await session.send(mail);
  session.close();
  expect(server.mails).toHaveLength(3);
  expect(server.connections).toBe(1);
});

test('a server that hangs up between two mails is called anew', async () => {
  const server = await start({});
  const session = await smtpTransport(readSmtpUrl(`smtp://127.0.0.1:${server.port}`)).open();
  await session.send(mail);
  await server.kill();
  await server.restart();
  // A whole exchange of somebody else: by then the end of the connection has been seen.
  await send(server, 'smtp://127.0.0.1:PORT');
  await session.send(mail);
  session.close();
  expect(server.mails).toHaveLength(3);
});
