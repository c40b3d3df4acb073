import { once } from 'node:events';
import smtpServer, { type SMTPServerOptions } from 'smtp-server';
import { type ReadMail, readMessage } from './eml.ts';
import { freePort } from './free-port.ts';

/** A mail as the server took it. */
export interface TakenMail extends ReadMail {
  /** Of the envelope. */
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Whether it came by TLS. */
  readonly secure: boolean;
  /** Who had logged in. */
  readonly user: string | undefined;
  readonly raw: string;
}

/** A mail server as a test wants it. */
export interface MailServer {
  readonly port: number;
  /** What it took, in this order. */
  readonly mails: readonly TakenMail[];
  /** Connections that were made to it so far. */
  readonly connections: number;
  /** Called at RCPT TO; what it throws is the answer. */
  onRecipient: (address: string) => void | Promise<void>;
  /** Called when a mail has come whole, before the answer; what it throws is the answer. */
  onMail: () => void | Promise<void>;
  /** Cuts every connection and listens no more. */
  kill(): Promise<void>;
  /** Listens again, on the same port. */
  restart(): Promise<void>;
}

/** An answer other than yes. */
export const refusal = (responseCode: number, message: string): Error =>
  Object.assign(new Error(message), { responseCode });

/** Starts a mail server on this machine; its certificate is nobody's. */
export async function startMailServer(options: SMTPServerOptions = {}): Promise<MailServer> {
  const mails: TakenMail[] = [];
  let connections = 0;
  const make = () => {
    const server = new smtpServer.SMTPServer({
      authOptional: true,
      logger: false,
      disableReverseLookup: true,
      closeTimeout: 1,
      onRcptTo({ address }, _session, done) {
        answer(() => mailServer.onRecipient(address), done);
      },
      async onData(stream, session, done) {
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        const raw = Buffer.concat(chunks).toString();
        const { mailFrom, rcptTo } = session.envelope;
        const take = async () => {
          await mailServer.onMail();
          mails.push({
            ...readMessage(raw),
            raw,
            sender: mailFrom ? mailFrom.address : '',
            recipients: rcptTo.map(({ address }) => address),
            secure: session.secure,
            user: session.user === undefined ? undefined : String(session.user),
          });
        };
        answer(take, done);
      },
      ...options,
    });
    server.on('error', () => {});
    server.server.on('connection', () => connections++);
    return server;
  };
  let server = make();
  const port = await freePort();
  const listen = async () => {
    server.listen(port, '127.0.0.1');
    await once(server.server, 'listening');
  };
  await listen();
  const mailServer: MailServer = {
    port,
    mails,
    get connections() {
      return connections;
    },
    onRecipient() {},
    onMail() {},
    async kill() {
      // Not the sockets below a TLS of their own: that ends the process (Node.js 24).
      for (const { _socket: socket } of server.connections) socket.destroy();
      for (const socket of server._pendingSockets.values()) socket.destroy();
      if (server.server.listening) await new Promise<void>((closed) => server.close(closed));
    },
    async restart() {
      server = make();
      await listen();
    },
  };
  return mailServer;
}

function answer(work: () => void | Promise<void>, done: (error?: Error | null) => void): void {
  Promise.resolve()
    .then(work)
    .then(
      () => done(),
      (error: Error) => done(error),
    );
}
