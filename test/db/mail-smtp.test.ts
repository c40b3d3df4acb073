import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { smtpTransport } from '../../src/issuer/mail/smtp-transport.ts';
import { readSmtpUrl } from '../../src/issuer/mail/smtp-url.ts';
import { milliseconds, seconds } from '../../src/kit/duration.ts';
import { DRIVERS } from '../support/databases.ts';
import { refusal } from '../support/mail-server.ts';
import { ON, type OutboxScene, outboxScenes } from '../support/outbox.ts';

const TIMEOUTS = { connect: seconds(5), greeting: milliseconds(50), socket: milliseconds(200) };

/** Delivers whenever a mail is due, until none is left; answers after how many seconds. */
async function deliverUntilEmpty(
  { clock, rows }: OutboxScene,
  deliver: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const start = clock.now();
  for (;;) {
    const due = (await rows()).map((row) => Number(row.next_attempt_at));
    if (due.length === 0) break;
    clock.advance(milliseconds(Math.max(0, Math.min(...due) - Number(clock.now()))));
    await deliver(ON);
  }
  return (clock.now().getTime() - start.getTime()) / 1000;
}

describe.each(DRIVERS)('a mail server, the outbox on $name', (driver) => {
  const setUp = outboxScenes(driver);

  test('that is away delays mails, says so once, and loses none', async () => {
    const scene = await setUp();
    const { user, enqueue, server, postman, rows } = scene;
    await server.kill();
    for (let i = 0; i < 7; i++) await enqueue(await user(), { kind: 'password_changed' });
    const { deliver, log } = postman();
    for (let i = 0; i < 3; i++) await deliver(ON);
    expect(await rows()).toHaveLength(7);
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'mails wait: where they go to is not to be reached',
        fields: { why: 'no answer (ECONNREFUSED)' },
      },
    ]);
    await server.restart();
    expect(await deliverUntilEmpty(scene, deliver)).toBeLessThanOrEqual(10);
    expect(server.mails).toHaveLength(7);
    expect(log.lines.map(({ message }) => message).slice(1, 3)).toEqual([
      'mails go out again',
      'mail sent',
    ]);
  });

  test('that is killed before it answers gets the mail again, under the same id', async () => {
    const scene = await setUp();
    const { user, enqueue, server, postman } = scene;
    await enqueue(await user());
    const ids: (string | undefined)[] = [];
    server.onMail = async () => {
      server.onMail = () => {};
      await server.kill();
    };
    const { deliver, log } = postman();
    await deliver(ON);
    expect(log.lines).toMatchObject([{ level: 'warn' }]);
    await server.restart();
    await deliverUntilEmpty(scene, deliver);
    ids.push(...server.mails.map(({ headers }) => headers['message-id']));
    // The first was whole, and may have been kept; both bear one id.
    expect(new Set(ids).size).toBe(1);
  });

  test('that says not now is asked again after ten seconds, then twice as late', async () => {
    const { clock, user, enqueue, server, postman, rows } = await setUp();
    const ann = await user();
    await enqueue(ann);
    const asked: string[] = [];
    server.onRecipient = (address) => {
      asked.push(address);
      if (asked.length < 3) throw refusal(450, '4.2.0 greylisted, come back later');
    };
    const { deliver, log } = postman();
    await deliver(ON);
    for (const [wait, times] of [
      [9, 1],
      [1, 2],
      [19, 2],
      [1, 3],
    ] as const) {
      clock.advance(seconds(wait));
      await deliver(ON);
      expect(asked).toHaveLength(times);
    }
    expect(server.mails).toHaveLength(1);
    expect(await rows()).toEqual([]);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'mail delayed',
      'mail delayed',
      'mail sent',
    ]);
    expect(log.lines[0]?.fields).toMatchObject({
      why: expect.stringMatching(/^the mail server answered RCPT TO 450/),
      retry_at: new Date('2026-01-01T00:00:10Z'),
    });
  });

  test('that knows no such recipient is not asked again, and others still get theirs', async () => {
    const { user, enqueue, server, postman, rows } = await setUp();
    const [ann, bob] = [await user(), await user()];
    await enqueue(ann);
    await enqueue(bob);
    server.onRecipient = (address) => {
      if (address === ann.email) throw refusal(550, `5.1.1 no ${address} here`);
    };
    const { deliver, log } = postman();
    await deliver(ON);
    expect(server.mails.map(({ to }) => to)).toEqual([bob.email]);
    expect(await rows()).toEqual([]);
    const given = log.lines.filter(({ level }) => level === 'error');
    expect(given).toMatchObject([
      { message: 'mail given up', fields: { user_id: ann.id, reason: 'refused' } },
    ]);
    expect(JSON.stringify(log.lines)).not.toContain(ann.email);
  });

  test('that quotes a mail as it refuses it brings no link into the log', async () => {
    const { user, reset, enqueue, server, postman, rows } = await setUp();
    const mail = reset();
    await enqueue(await user(), mail);
    server.onMail = () => {
      throw refusal(554, `5.7.1 spam: ${mail.link}`);
    };
    const { deliver, log } = postman();
    await deliver(ON);
    expect(await rows()).toEqual([]);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { reason: 'refused' } }]);
    expect(JSON.stringify(log.lines)).not.toContain('token');
    expect(JSON.stringify(log.lines)).toContain('DATA 554');
  });

  test('that never takes it is left alone when the link is over', async () => {
    const scene = await setUp();
    const { user, enqueue, server, postman } = scene;
    await enqueue(await user());
    let asked = 0;
    server.onRecipient = () => {
      asked++;
      throw refusal(451, '4.3.0 broken');
    };
    const { deliver, log } = postman();
    const took = await deliverUntilEmpty(scene, deliver);
    expect(took).toBeGreaterThan(29 * 60);
    expect(took).toBeLessThan(30 * 60);
    expect(asked).toBeGreaterThan(5);
    expect(asked).toBeLessThan(20);
    expect(log.lines.at(-1)).toMatchObject({
      message: 'mail given up',
      fields: { reason: 'expired' },
    });
  });

  test('that does not greet, or falls silent, is given up in its time', async () => {
    const { user, enqueue, server, postman, rows } = await setUp();
    await enqueue(await user());
    const silent = createServer(() => {});
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as { port: number };
    const at = (port: number) => smtpTransport(readSmtpUrl(`smtp://127.0.0.1:${port}`), TIMEOUTS);
    const first = postman({ transport: at(port) });
    await first.deliver(ON);
    expect(first.log.lines).toMatchObject([{ fields: { why: 'no answer (ETIMEDOUT)' } }]);
    server.onMail = () => new Promise(() => {});
    const second = postman({ transport: at(server.port) });
    await enqueue(await user());
    await second.deliver(ON);
    expect(second.log.lines).toMatchObject([{ fields: { why: 'no answer (ETIMEDOUT)' } }]);
    expect(await rows()).toHaveLength(2);
  });

  test('that answers ever so slowly holds up its own mail only, and not for ever', async () => {
    const { user, enqueue, server, postman, rows } = await setUp();
    const [ann, bob] = [await user(), await user()];
    await enqueue(ann);
    await enqueue(bob);
    server.onRecipient = (address) => (address === ann.email ? new Promise(() => {}) : undefined);
    // Far longer than it takes to send the other one.
    const patience = { attempt: seconds(3), grace: seconds(3), look: seconds(2) };
    const { deliver, log } = postman({ patience });
    await deliver(ON);
    expect(server.mails.map(({ to }) => to)).toEqual([bob.email]);
    expect(log.lines).toContainEqual(
      expect.objectContaining({ fields: { why: 'the connection was closed' } }),
    );
    expect(await rows()).toMatchObject([{ recipient: ann.email }]);
  });

  test('that hangs as the process is to end holds it up for a moment only', async () => {
    const { user, enqueue, server, postman, rows } = await setUp();
    await enqueue(await user());
    const stopping = new AbortController();
    const patience = { attempt: seconds(150), grace: milliseconds(50), look: seconds(2) };
    const { deliver, log } = postman({ patience });
    const reached = new Promise<void>((reached) => {
      server.onMail = () => {
        reached();
        return new Promise(() => {});
      };
    });
    const delivering = deliver(stopping.signal);
    await reached;
    stopping.abort();
    await delivering;
    expect(log.lines).toMatchObject([{ fields: { why: 'the connection was closed' } }]);
    expect(await rows()).toHaveLength(1);
  });
});
