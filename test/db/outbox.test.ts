import { describe, expect, test, vi } from 'vitest';
import type { Db } from '../../src/db/database.ts';
import { execute } from '../../src/db/statement.ts';
import { enqueueMail } from '../../src/issuer/mail/outbox.ts';
import {
  claimMail,
  dropAllUnsentMail,
  dropUnsentMail,
  postponeMail,
} from '../../src/issuer/mail/store.ts';
import type { MailTransport } from '../../src/issuer/mail/transport.ts';
import { after, milliseconds, seconds } from '../../src/kit/duration.ts';
import { DRIVERS } from '../support/databases.ts';
import { ON, type OutboxScene, outboxScenes } from '../support/outbox.ts';

const LEASE = seconds(180);

describe.each(DRIVERS)('the outbox on $name', (driver) => {
  const setUp = outboxScenes(driver);

  test('a mail goes once the transaction that made it has committed, and never without it', async () => {
    const { database, clock, sealer, user, server, postman, rows } = await setUp();
    const ann = await user();
    const to = { email: ann.email, name: 'Ann', userId: ann.id };
    const mail = { kind: 'password_changed' } as const;
    const undone = database.transaction(async (tx) => {
      await enqueueMail(tx, { sealer }, to, mail, clock.now());
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await postman().deliver(ON);
    expect(server.mails).toEqual([]);
    await database.transaction((tx) => enqueueMail(tx, { sealer }, to, mail, clock.now()));
    const { deliver, log } = postman();
    await deliver(ON);
    expect(server.mails).toMatchObject([
      { sender: 'id@example.com', recipients: [ann.email], to: ann.email },
    ]);
    expect(await rows()).toEqual([]);
    expect(log.lines).toMatchObject([
      {
        level: 'info',
        message: 'mail sent',
        fields: { kind: 'password_changed', user_id: ann.id },
      },
    ]);
  });

  test('the name is in it only where the address is known to be theirs', async () => {
    const { database, clock, sealer, server, postman } = await setUp();
    const to = { email: 'ann@example.net', name: 'Ann', userId: null };
    const mail = { kind: 'account_exists' } as const;
    await database.transaction((tx) => enqueueMail(tx, { sealer }, to, mail, clock.now()));
    await postman().deliver(ON);
    clock.advance(seconds(1));
    await database.transaction((tx) =>
      enqueueMail(tx, { sealer }, { ...to, verified: true }, mail, clock.now()),
    );
    await postman().deliver(ON);
    expect(server.mails.map(({ text }) => text.split('\n')[0])).toEqual(['Hello,', 'Hello Ann,']);
  });

  test('neither a token nor a name is in the database while a mail waits', async () => {
    const { database, user, reset, enqueue, rows } = await setUp();
    const mail = reset();
    await enqueue(await user(), mail);
    const [row] = await rows();
    const { rows: dump } = await execute<{ text: string }>(
      database.db,
      'SELECT outbox_mails::text AS text FROM outbox_mails',
    );
    const token = mail.link.split('=')[1] ?? '';
    expect(token).toHaveLength(43);
    for (const text of [JSON.stringify(row), dump[0]?.text]) {
      expect(text).not.toContain(token);
      expect(text).not.toContain(Buffer.from(token).toString('base64url').slice(0, 40));
      expect(text).not.toContain('Ann');
    }
  });

  test('what was sealed for one mail does not open as another', async () => {
    const { database, user, enqueue, server, postman, rows } = await setUp();
    await enqueue(await user());
    await enqueue(await user(), { kind: 'password_changed' });
    const [one, other] = (await rows()) as { id: string; sealed: string }[];
    await execute(database.db, 'UPDATE outbox_mails SET sealed = $1 WHERE id = $2', [
      one?.sealed,
      other?.id,
    ]);
    const { deliver, log } = postman();
    await deliver(ON);
    expect(server.mails).toHaveLength(1);
    expect(log.lines).toContainEqual(
      expect.objectContaining({
        message: 'mail given up',
        fields: expect.objectContaining({ mail: other?.id, reason: 'unreadable' }),
      }),
    );
    expect(await rows()).toEqual([]);
  });

  test('ten mails and three processes at once: each mail goes once', async () => {
    const { user, enqueue, server, postman, rows } = await setUp();
    const users = await Promise.all(Array.from({ length: 10 }, user));
    await Promise.all(users.map((one) => enqueue(one)));
    await Promise.all([postman(), postman(), postman()].map((one) => one.deliver(ON)));
    expect(server.mails.flatMap((mail) => mail.recipients).sort()).toEqual(
      users.map(({ email }) => email).sort(),
    );
    // Five lanes a process at most, each on one connection.
    expect(server.connections).toBeLessThanOrEqual(15);
    expect(await rows()).toEqual([]);
  });

  test('a mail whose process has died goes after the lease, by another, under the same id', async () => {
    const scene = await setUp();
    const { clock, user, enqueue, server, postman } = scene;
    await enqueue(await user());
    // The first one gets it through and dies before it can take note of that.
    const heal = await failDeletions(scene);
    await expect(postman().deliver(ON)).rejects.toThrow('died');
    await heal();
    expect(server.mails).toHaveLength(1);
    const next = postman();
    await next.deliver(ON);
    clock.advance(seconds(179));
    await next.deliver(ON);
    expect(server.mails).toHaveLength(1);
    clock.advance(seconds(2));
    await next.deliver(ON);
    await next.deliver(ON);
    expect(server.mails).toHaveLength(2);
    // So the recipient's mail program sees that they are one.
    expect(server.mails[1]?.raw).toBe(server.mails[0]?.raw);
  });

  test('a database that fails right after a mail was taken does not send it twice', async () => {
    const scene = await setUp();
    const { clock, user, enqueue, server, postman, rows } = scene;
    await enqueue(await user());
    const heal = await failDeletions(scene);
    const { deliver } = postman();
    await expect(deliver(ON)).rejects.toThrow('died');
    expect(await rows()).toHaveLength(1);
    await heal();
    clock.advance(LEASE);
    clock.advance(seconds(1));
    await deliver(ON);
    expect(server.mails).toHaveLength(1);
    expect(await rows()).toEqual([]);
  });

  test('a claim takes what has been due the longest, and puts off what is still its own', async () => {
    const { database, clock, user, enqueue } = await setUp();
    const [ann, bob] = [await user(), await user()];
    const claim = () => claimMail(database.db, clock.now(), after(clock.now(), LEASE));
    clock.advance(seconds(10));
    await enqueue(ann);
    clock.advance(seconds(-10));
    await enqueue(bob);
    clock.advance(seconds(10));
    const claimed = await claim();
    if (claimed?.recipient !== bob.email) throw new Error(`claimed ${claimed?.recipient}`);
    // As it was before somebody else claimed it.
    await postponeMail(database.db, { id: claimed.id, attempts: 0 }, clock.now());
    expect((await claim())?.recipient).toBe(ann.email);
    expect(await claim()).toBeUndefined();
    await postponeMail(database.db, claimed, clock.now());
    expect(await claim()).toMatchObject({ recipient: bob.email, attempts: 2 });
  });

  test('a mail that hangs holds up none that comes after it', async () => {
    const { user, enqueue, postman, rows } = await setUp();
    const [ann, bob] = [await user(), await user()];
    const [hangs, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const taken: string[] = [];
    const transport: MailTransport = {
      open: async () => ({
        async send({ to }) {
          if (to === ann.email) {
            hangs.resolve();
            await released.promise;
          }
          taken.push(to);
          return {};
        },
        close() {},
      }),
    };
    const patience = { attempt: seconds(150), grace: seconds(3), look: milliseconds(10) };
    await enqueue(ann);
    const delivered = postman({ transport, patience }).deliver(ON);
    await hangs.promise;
    await enqueue(bob);
    await vi.waitUntil(() => taken.length > 0, { timeout: 60_000 });
    expect(taken).toEqual([bob.email]);
    released.resolve();
    await delivered;
    expect(taken).toEqual([bob.email, ann.email]);
    expect(await rows()).toEqual([]);
  });

  test('mails that are void are dropped, by kind or all, of one user or of everybody', async () => {
    const { database, clock, sealer, user, reset, enqueue, rows } = await setUp();
    const [ann, bob] = [await user(), await user()];
    for (const who of [ann, bob]) {
      await enqueue(who);
      await enqueue(who, { ...reset(), kind: 'verify_email' });
      await enqueue(who, { kind: 'password_changed' });
    }
    const kinds = async () =>
      (await rows()).map((row) => `${row.user_id === ann.id ? 'ann' : 'bob'} ${row.kind}`).sort();
    await database.transaction((tx) => dropUnsentMail(tx, ann.id, ['reset_password']));
    expect(await kinds()).toEqual([
      'ann password_changed',
      'ann verify_email',
      'bob password_changed',
      'bob reset_password',
      'bob verify_email',
    ]);
    await database.transaction((tx) => dropUnsentMail(tx, bob.id));
    expect(await kinds()).toEqual(['ann password_changed', 'ann verify_email']);
    await database.transaction(async (tx) => {
      const to = { email: bob.email, name: 'Bob', userId: null };
      await enqueueMail(tx, { sealer }, to, { kind: 'account_deleted' }, clock.now());
    });
    // An account that goes takes its mails with it, but for the one that says so.
    await execute(database.db, 'DELETE FROM users');
    expect((await rows()).map((row) => row.kind)).toEqual(['account_deleted']);
    await database.transaction((tx) => dropAllUnsentMail(tx));
    expect(await rows()).toEqual([]);
  });

  test('a mail is of use for as long as its link, and for a day at most', async () => {
    const { user, reset, enqueue, rows } = await setUp();
    const ann = await user();
    await enqueue(ann, { kind: 'password_changed' });
    await enqueue(ann);
    await enqueue(ann, { ...reset(), expiresAt: new Date('2027-01-01T00:00:00Z') });
    const ends = (await rows()).map((row) => new Date(Number(row.expires_at)).toISOString());
    expect(ends.sort()).toEqual([
      '2026-01-01T00:30:00.000Z',
      '2026-01-02T00:00:00.000Z',
      '2026-01-02T00:00:00.000Z',
    ]);
  });

  test('a link that is over is not sent any more', async () => {
    const { clock, user, enqueue, server, postman, rows } = await setUp();
    const ann = await user();
    await enqueue(ann);
    clock.advance(seconds(30 * 60));
    const { deliver, log } = postman();
    await deliver(ON);
    expect(server.connections).toBe(0);
    expect(await rows()).toEqual([]);
    expect(log.lines).toMatchObject([
      {
        level: 'error',
        message: 'mail given up',
        fields: { kind: 'reset_password', user_id: ann.id, reason: 'expired' },
      },
    ]);
  });

  test('told to stop, it begins no more, and leaves the rest for later', async () => {
    const { user, enqueue, server, postman, rows } = await setUp();
    for (let i = 0; i < 8; i++) await enqueue(await user());
    const stopping = new AbortController();
    server.onMail = () => stopping.abort();
    await postman().deliver(stopping.signal);
    expect(server.mails.length).toBeLessThanOrEqual(5);
    expect(server.mails.length + (await rows()).length).toBe(8);
  });
});

const postgres = DRIVERS.filter(({ kind }) => kind === 'postgres');

describe.each(postgres)('the outbox of several processes on $name', (driver) => {
  const setUp = outboxScenes(driver);

  test('a mail that one of them is claiming holds up none of the others', async () => {
    const { database, clock, user, enqueue } = await setUp();
    const [ann, bob] = [await user(), await user()];
    for (const who of [ann, bob]) {
      await enqueue(who);
      clock.advance(seconds(1));
    }
    const claim = (db: Db) => claimMail(db, clock.now(), after(clock.now(), LEASE));
    const [held, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first = database.transaction(async (tx) => {
      const mail = await claim(tx);
      held.resolve();
      await over.promise;
      return mail;
    });
    await held.promise;
    const second = await claim(database.db).finally(over.resolve);
    expect([await first, second].map((mail) => mail?.recipient)).toEqual([ann.email, bob.email]);
  });
});

/** Makes every removal of a row fail until the answer is called. */
async function failDeletions({ database }: OutboxScene): Promise<() => Promise<unknown>> {
  const run = (text: string) => execute(database.db, text);
  await run(`CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'died'; END $$`);
  await run('CREATE TRIGGER die BEFORE DELETE ON outbox_mails EXECUTE FUNCTION die()');
  return () => run('DROP TRIGGER die ON outbox_mails');
}
