import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { entryOf } from '../../src/issuer/audit/entry.ts';
import type { AuditEvent } from '../../src/issuer/audit/store.ts';
import { createWaiting } from '../../src/issuer/audit/waiting.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { unavailableError } from '../../src/kit/errors.ts';
import { createLogger } from '../../src/kit/log.ts';

const clock = manualClock();
const event = (): AuditEvent => entryOf({ event: 'login_failed' }, clock.now());

/** A table that answers when told, and a buffer in front of it. */
function scene() {
  const batches: number[] = [];
  const stored = new Set<string>();
  let fault: Error | undefined;
  let gate = Promise.resolve();
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  const waiting = createWaiting({
    log: createLogger({ level: 'info', format: 'json', destination }),
    async insert(events) {
      await gate;
      batches.push(events.length);
      if (fault) throw fault;
      for (const { id } of events) stored.add(id);
    },
  });
  return {
    waiting,
    batches,
    stored,
    lines,
    fail(error: Error | undefined) {
      fault = error;
    },
    /** Holds every statement until the answer is called. */
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    add(count: number) {
      for (let i = 0; i < count; i++) waiting.add(event());
    },
  };
}

describe('events that wait to be stored', () => {
  test('go in one statement when they come in one turn', async () => {
    const { waiting, add, batches, stored } = scene();
    add(3);
    expect(await waiting.flush()).toBe(0);
    expect(batches).toEqual([3]);
    expect(stored.size).toBe(3);
  });

  test('need no flush', async () => {
    const { add, stored } = scene();
    add(1);
    await new Promise(setImmediate);
    expect(stored.size).toBe(1);
  });

  test('gather while a statement is under way, one at a time and at most 500 in one', async () => {
    const { waiting, add, batches, hold } = scene();
    const release = hold();
    add(1);
    await new Promise(setImmediate);
    add(1200);
    expect(batches).toEqual([]);
    release();
    await waiting.flush();
    expect(batches).toEqual([1, 500, 500, 200]);
  });

  test('stay while the database is away, and are stored once it is back', async () => {
    const { waiting, add, batches, stored, fail, lines } = scene();
    fail(unavailableError('away'));
    add(2);
    expect(await waiting.flush()).toBe(2);
    const tried = batches.length;
    add(3);
    await new Promise(setImmediate);
    // Nobody knocks for each of them.
    expect(batches).toHaveLength(tried);
    fail(undefined);
    expect(await waiting.flush()).toBe(0);
    expect(stored.size).toBe(5);
    expect(lines).toEqual([]);
    add(1);
    await new Promise(setImmediate);
    expect(stored.size).toBe(6);
  });

  test('are 10,000 at the most; the rest is counted and said', async () => {
    const { waiting, add, stored, fail, lines } = scene();
    fail(unavailableError('away'));
    add(10_007);
    expect(await waiting.flush()).toBe(10_007);
    fail(undefined);
    expect(await waiting.flush()).toBe(0);
    expect(stored.size).toBe(10_000);
    expect(lines.map(({ level, msg, events }) => [level, msg, events])).toEqual([
      ['warn', 'the audit trail is full until the database is back', undefined],
      ['warn', 'audit events were not stored while the database was away', 7],
    ]);
    add(1);
    await waiting.flush();
    expect(lines).toHaveLength(2);
  });

  test('that the table refuses do not stand in the way of others', async () => {
    const { waiting, add, stored, fail, lines } = scene();
    fail(new Error('no such column'));
    add(4);
    expect(await waiting.flush()).toBe(0);
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'error',
        events: 4,
        msg: 'audit events could not be stored; the log has them',
      }),
    ]);
    fail(undefined);
    add(1);
    await waiting.flush();
    expect(stored.size).toBe(1);
  });

  test('are stored outside of whatever noted them', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const waiting = createWaiting({
      log: createLogger({ level: 'info', format: 'json', destination: { write() {} } }),
      async insert() {
        seen.push(context.getStore());
      },
    });
    await context.run('a transaction', async () => waiting.add(event()));
    await waiting.flush();
    expect(seen).toEqual([undefined]);
  });
});

describe('what the table keeps of an event', () => {
  const origin = { address: '192.0.2.1', userAgent: 'agent', requestId: 'r-1' };
  const at = clock.now();

  test('is a row with an id of its time', () => {
    const ids = { userId: crypto.randomUUID(), sessionId: crypto.randomUUID() };
    const row = entryOf({ event: 'logged_in', ...ids, reason: 'why', origin }, at);
    expect(row).toEqual({
      id: expect.stringMatching(/^019b76da-a800-7/),
      at,
      event: 'logged_in',
      user_id: ids.userId,
      session_id: ids.sessionId,
      reason: 'why',
      address: '192.0.2.1',
      user_agent: 'agent',
      request_id: 'r-1',
    });
  });

  test('is nothing that the database could refuse', () => {
    const reason = `\0\ud800${'x'.repeat(397)}\ud83d\ude00`;
    const row = entryOf({ event: 'cross_user_access', userId: 'nobody', reason }, at);
    expect(row).toMatchObject({ user_id: null, reason: `\ufffd\ufffd${'x'.repeat(397)}\ufffd` });
  });

  test('is no place and no agent for somebody who has gone', () => {
    const row = entryOf({ event: 'account_deleted', userId: crypto.randomUUID(), origin }, at);
    expect(row).toMatchObject({ address: null, user_agent: null, request_id: 'r-1' });
  });
});
