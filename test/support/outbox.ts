import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { createSealer } from '../../src/issuer/keys/sealing.ts';
import type { Mail } from '../../src/issuer/mail/mail.ts';
import { enqueueMail, type MailSealer } from '../../src/issuer/mail/outbox.ts';
import { createPostman, type Postman, type PostmanDeps } from '../../src/issuer/mail/postman.ts';
import { smtpTransport } from '../../src/issuer/mail/smtp-transport.ts';
import { readSmtpUrl } from '../../src/issuer/mail/smtp-url.ts';
import { insertUser } from '../../src/issuer/users/store.ts';
import { type ManualClock, manualClock } from '../../src/kit/clock.ts';
import { after, seconds } from '../../src/kit/duration.ts';
import { newUuid, type UserId } from '../../src/kit/id.ts';
import { freshEmail } from './client.ts';
import { type OpenDatabase, type RecordedLog, recordedLog, type TestDriver } from './databases.ts';
import { type MailServer, startMailServer } from './mail-server.ts';

/** Never ends what a test does by itself. */
export const ON = new AbortController().signal;

/** A user to write to. */
export interface Addressee {
  readonly id: UserId;
  readonly email: string;
}

/** An outbox with a mail server, and nobody who delivers but the test. */
export interface OutboxScene {
  readonly database: OpenDatabase;
  readonly clock: ManualClock;
  readonly server: MailServer;
  readonly sealer: MailSealer;
  /** Adds a user. */
  user(): Promise<Addressee>;
  /** Puts a mail to them into the outbox: a reset with a link, unless told otherwise. */
  enqueue(to: Addressee, mail?: Mail): Promise<void>;
  /** A reset with a fresh link that works for half an hour. */
  reset(): Extract<Mail, { link: string }>;
  /** A postman of another process, with a log of its own. */
  postman(deps?: Partial<PostmanDeps>): Postman & { readonly log: RecordedLog };
  /** What waits. */
  rows(): Promise<Record<string, unknown>[]>;
}

/** What mails look like in tests. */
export const SETTINGS: PostmanDeps['settings'] = {
  issuer: 'https://id.example.com',
  brand: { name: 'Example' },
  from: 'Example <id@example.com>',
};

/** Makes the scenes of a block of tests, one a test, on one database that is emptied in between. */
export function outboxScenes(driver: TestDriver): () => Promise<OutboxScene> {
  let database: OpenDatabase;
  beforeAll(async () => {
    database = await driver.open();
    await migrate(database, 'issuer', issuerMigrations);
  });
  afterAll(() => database.close());
  return async () => {
    for (const table of ['outbox_mails', 'users']) {
      await execute(database.db, `DELETE FROM ${table}`);
    }
    const server = await startMailServer();
    onTestFinished(() => server.kill());
    return sceneOf(database, server);
  };
}

function sceneOf(database: OpenDatabase, server: MailServer): OutboxScene {
  const clock = manualClock();
  const sealer = textSealer();
  const transport = smtpTransport(readSmtpUrl(`smtp://127.0.0.1:${server.port}`));
  const scene: OutboxScene = {
    database,
    clock,
    server,
    sealer,
    async user() {
      const [id, email] = [newUuid(clock.now()) as UserId, freshEmail()];
      const createdAt = clock.now();
      await database.transaction((tx) =>
        insertUser(tx, {
          id,
          email,
          emailVerified: true,
          name: 'Ann',
          createdAt,
          disabledAt: null,
          passwordHash: null,
        }),
      );
      return { id, email };
    },
    reset() {
      const token = randomBytes(32).toString('base64url');
      return {
        kind: 'reset_password',
        link: `${SETTINGS.issuer}/reset-password#token=${token}`,
        expiresAt: after(clock.now(), seconds(30 * 60)),
      };
    },
    enqueue: ({ id, email }, mail = scene.reset()) =>
      database.transaction((tx) =>
        enqueueMail(tx, { sealer }, { email, name: 'Ann', userId: id }, mail, clock.now()),
      ),
    postman(deps = {}) {
      const log = recordedLog();
      const own = { database, clock, log: asLogger(log), sealer, transport, settings: SETTINGS };
      return { ...createPostman({ ...own, ...deps }), log };
    },
    rows: async () =>
      (
        await execute<Record<string, unknown>>(
          database.db,
          'SELECT * FROM outbox_mails ORDER BY id',
        )
      ).rows,
  };
  return scene;
}

/** A sealer under a key of its own. */
export function textSealer(): MailSealer {
  const sealer = createSealer([{ id: 'test', bytes: randomBytes(32), where: 'a test' }]);
  return {
    seal: (text, purpose) => sealer.seal(Buffer.from(text), purpose),
    open: async (sealed, purpose) => (await sealer.open(sealed, purpose)).toString(),
  };
}

/** A recorded log also takes a message alone. */
function asLogger(log: RecordedLog): PostmanDeps['log'] {
  const at = (level: 'info' | 'warn' | 'error') => (fields: object | string, message?: string) =>
    typeof fields === 'string' ? log[level]({}, fields) : log[level](fields, message ?? '');
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
