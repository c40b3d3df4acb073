import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { type Duration, seconds } from '../../kit/duration.ts';
import { readSmtpFailure } from './smtp-failure.ts';
import type { SmtpServer } from './smtp-url.ts';
import { DeliveryFailure, type MailTransport, type OutgoingMail } from './transport.ts';

/** How long each step may take. */
export interface SmtpTimeouts {
  /** From the name's look-up to the end of TLS. */
  readonly connect: Duration;
  readonly greeting: Duration;
  /** Silence; a server that looks into the mail first takes its time with the last answer. */
  readonly socket: Duration;
}

const TIMEOUTS: SmtpTimeouts = {
  connect: seconds(10),
  greeting: seconds(10),
  socket: seconds(120),
};

/** Sends by a mail server; a session is one connection, made for its first mail. */
export function smtpTransport(
  server: SmtpServer,
  timeouts: SmtpTimeouts = TIMEOUTS,
): MailTransport {
  return {
    async open() {
      // Not before there is a mail: every start would wait for it.
      const { default: Connection } = await import('nodemailer/lib/smtp-connection');
      let connection: SMTPConnection | undefined;
      const close = () => {
        connection?.close();
        connection = undefined;
      };
      return {
        async send(mail) {
          let phase: 'connecting' | 'sending' = 'connecting';
          try {
            if (!connection || connection.destroyed) {
              connection = dial(Connection, server, timeouts);
              await connected(connection, server);
            }
            phase = 'sending';
            await sent(connection, mail);
            return {};
          } catch (error) {
            close();
            throw readSmtpFailure(error, phase);
          }
        },
        close,
      };
    },
  };
}

function dial(
  Connection: typeof SMTPConnection,
  server: SmtpServer,
  timeouts: SmtpTimeouts,
): SMTPConnection {
  const connection = new Connection({
    host: server.host,
    port: server.port,
    secure: server.secure,
    requireTLS: server.starttls === 'required',
    ignoreTLS: server.starttls === 'never',
    tls: { rejectUnauthorized: server.rejectUnauthorized },
    connectionTimeout: timeouts.connect,
    dnsTimeout: timeouts.connect,
    greetingTimeout: timeouts.greeting,
    socketTimeout: timeouts.socket,
    socketCloseTimeout: seconds(1),
  });
  // Whoever waits hears of it as well; without a listener it would end the process.
  connection.on('error', () => {});
  return connection;
}

/** Connects and logs in. */
const connected = (connection: SMTPConnection, { auth }: SmtpServer): Promise<void> =>
  settled(connection, (done) => {
    connection.connect((error) => {
      if (error || !auth) done(error);
      else connection.login({ ...auth }, done);
    });
  });

const sent = (connection: SMTPConnection, { from, to, message }: OutgoingMail): Promise<void> =>
  settled(connection, (done) => {
    connection.send({ from, to: [to], size: message.length }, message, done);
  });

/** A step with its end: a connection that was closed meanwhile calls nobody back. */
function settled(
  connection: SMTPConnection,
  step: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(error);
    const ended = () => reject(new DeliveryFailure('away', 'the connection was closed'));
    connection.once('error', fail);
    connection.once('end', ended);
    step((error) => {
      connection.off('error', fail);
      connection.off('end', ended);
      if (error) reject(error);
      else resolve();
    });
  });
}
