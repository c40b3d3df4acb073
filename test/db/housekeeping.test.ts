import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import type { Database } from '../../src/db/database.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { keepHouse } from '../../src/issuer/housekeeping.ts';
import { type ManualClock, manualClock } from '../../src/kit/clock.ts';
import { parseDuration, seconds } from '../../src/kit/duration.ts';
import { DRIVERS, type OpenDatabase } from '../support/databases.ts';

/** Where a transaction of the test is not known. */
const outside = AsyncLocalStorage.snapshot();
const days = (n: number) => seconds(n * 86_400);
const USER = '00000000-0000-7000-8000-000000000001';

describe.each(DRIVERS)('housekeeping on $name', (driver) => {
  let database: OpenDatabase;
  let clock: ManualClock;
  const lines: object[] = [];
  beforeAll(async () => {
    database = await driver.open();
    await migrate(database, 'issuer', issuerMigrations);
    await execute(
      database.db,
      `INSERT INTO users (id, email, email_verified, name, created_at)
       VALUES ($1, 'ann@example.com', false, 'Ann', $2)`,
      [USER, manualClock().now()],
    );
  });
  beforeEach(async () => {
    clock = manualClock();
    lines.length = 0;
    await execute(database.db, 'DELETE FROM sessions');
    await execute(database.db, 'DELETE FROM audit_events');
  });
  afterAll(() => database.close());

  const policy = { auditRetention: parseDuration('365d') ?? seconds(0) };
  const log = { info: (fields: object) => void lines.push(fields) };
  const run = (pause = async () => true, using: Pick<Database, 'db'> = database) =>
    keepHouse({ database: using, clock, policy, log: log as never }, pause);
  const count = async (table: string): Promise<number> => {
    const { rows } = await execute<{ n: number }>(
      database.db,
      `SELECT count(*)::int AS n FROM ${table}`,
    );
    return rows[0]?.n ?? -1;
  };

  /** Sessions that began now; `ended` of them are over at once. */
  const addSessions = (live: number, ended = 0) =>
    execute(
      database.db,
      `INSERT INTO sessions (id, user_id, client_id, claims, generation, current_hash, rotated_at,
         recovered, created_at, expires_at, max_expires_at, last_used_at, last_address,
         ended_at, end_reason)
       SELECT gen_random_uuid(), $1, 'keyturn', '{}', 1, '\\x00', $2::timestamptz, false, $2,
         $2::timestamptz + interval '7 days', $2::timestamptz + interval '30 days', $2, '192.0.2.1',
         CASE WHEN i <= $3::int THEN $2::timestamptz END,
         CASE WHEN i <= $3::int THEN 'logged_out' END
       FROM generate_series(1, $4::int) AS i`,
      [USER, clock.now(), ended, live + ended],
    );
  const addEvents = (count: number, event = 'logged_in', userId = USER) =>
    execute(
      database.db,
      `INSERT INTO audit_events (id, at, event, user_id, address, user_agent)
       SELECT gen_random_uuid(), $1, $2, $3, '192.0.2.1', 'agent' FROM generate_series(1, $4::int)`,
      [clock.now(), event, userId, count],
    );

  test('keeps sessions for 30 days after their end, and live ones', async () => {
    await addSessions(2, 3);
    clock.advance(days(30));
    await run();
    expect(await count('sessions')).toBe(5);
    clock.advance(seconds(1));
    await run();
    expect(await count('sessions')).toBe(2);
    expect(lines).toEqual([{ rows: 'ended sessions', removed: 3 }]);
    clock.advance(days(29));
    await run();
    expect(await count('sessions')).toBe(2);
    clock.advance(days(1));
    await run();
    expect(await count('sessions')).toBe(0);
  });

  test('keeps audit events as long as it was told', async () => {
    await addEvents(3);
    clock.advance(days(364));
    await addEvents(2);
    clock.advance(days(1));
    await run();
    expect(await count('audit_events')).toBe(5);
    clock.advance(seconds(1));
    await run();
    expect(await count('audit_events')).toBe(2);
  });

  test('spreads a big backlog over small statements, with a pause before each', async () => {
    await addSessions(10, 5400);
    await addEvents(5000);
    clock.advance(days(31));
    await addEvents(7);
    clock.advance(days(335));
    await addSessions(4);
    const left: number[] = [];
    await run(async () => {
      left.push(await count('sessions'));
      return true;
    });
    // Five full batches, the rest, then the live ones that have expired.
    expect(left.slice(0, 8)).toEqual([5414, 4414, 3414, 2414, 1414, 414, 14, 4]);
    expect(await count('sessions')).toBe(4);
    expect(await count('audit_events')).toBe(7);
    expect(lines).toEqual([
      { rows: 'ended sessions', removed: 5400 },
      { rows: 'expired sessions', removed: 10 },
      { rows: 'audit events', removed: 5000 },
    ]);
  });

  test('stops between two batches when it is told to', async () => {
    await addSessions(0, 2500);
    clock.advance(days(31));
    let pauses = 0;
    await run(async () => ++pauses <= 1);
    expect(await count('sessions')).toBe(1500);
  });

  test('takes limits, links and requests that are of no more use, and leaves the others', async () => {
    const until = (n: number) => new Date(clock.now().getTime() + n * 60_000);
    for (const n of [1, 3]) {
      await execute(database.db, 'INSERT INTO rate_buckets (key, full_at) VALUES ($1, $2)', [
        Buffer.from([n]),
        until(n),
      ]);
      await execute(
        database.db,
        `INSERT INTO password_runs (account, network, failures, kept_until)
         VALUES ($1, $1, 1, $2)`,
        [Buffer.from([n]), until(n)],
      );
      await execute(
        database.db,
        `INSERT INTO mailed_tokens (hash, user_id, purpose, email, created_at, expires_at)
         VALUES ($1, $2, $3, 'ann@example.com', $4, $5)`,
        [Buffer.from([n]), USER, `${n}`, clock.now(), new Date(until(n).getTime() - days(1))],
      );
      await execute(
        database.db,
        `INSERT INTO account_requests (id, kind, email, created_at, address, request_id)
         VALUES (gen_random_uuid(), 'reset_password', $1, $2, '192.0.2.1', 'r')`,
        [`${n}`, new Date(until(n).getTime() - days(1))],
      );
    }
    clock.advance(seconds(150));
    await run();
    const left = `SELECT
      ARRAY(SELECT get_byte(key, 0) FROM rate_buckets) AS buckets,
      ARRAY(SELECT get_byte(account, 0) FROM password_runs) AS runs,
      ARRAY(SELECT purpose FROM mailed_tokens) AS links,
      ARRAY(SELECT email FROM account_requests) AS requests`;
    expect((await execute(database.db, left)).rows).toEqual([
      { buckets: [3], runs: [3], links: ['3'], requests: ['3'] },
    ]);
  });

  test('takes places and agents from what was stored after its user had gone', async () => {
    await addEvents(2);
    await addEvents(1, 'account_deleted');
    await addEvents(1, 'logged_in', '00000000-0000-7000-8000-000000000002');
    await run();
    const { rows } = await execute(
      database.db,
      'SELECT user_id FROM audit_events WHERE address IS NOT NULL OR user_agent IS NOT NULL',
    );
    expect(rows).toEqual([{ user_id: '00000000-0000-7000-8000-000000000002' }]);
  });

  test('leaves to a user who came back with an import what was stored since, until they go again', async () => {
    const next = (event: string) => {
      clock.advance(seconds(1));
      return addEvents(1, event);
    };
    const personal = async () => {
      const { rows } = await execute<{ event: string }>(
        database.db,
        'SELECT event FROM audit_events WHERE address IS NOT NULL OR user_agent IS NOT NULL ORDER BY at',
      );
      return rows.map(({ event }) => event);
    };
    await next('registered');
    await next('account_deleted');
    await next('cross_user_access');
    await next('account_imported');
    await next('logged_in');
    await run();
    expect(await personal()).toEqual(['account_imported', 'logged_in']);
    await next('account_deleted');
    await run();
    expect(await personal()).toEqual([]);
  });

  /** Does something while somebody else's transaction holds a session. */
  const holdingOne = (work: () => Promise<void>) =>
    database.transaction(async (tx) => {
      const { rows } = await execute<{ id: string }>(tx, 'SELECT id FROM sessions LIMIT 1');
      await execute(tx, 'SELECT id FROM sessions WHERE id = $1 FOR UPDATE', [rows[0]?.id]);
      await work();
    });

  test('passes over a row that somebody holds', async () => {
    await addSessions(0, 20);
    clock.advance(days(31));
    // One process has the embedded database to itself, and one connection.
    if (driver.kind === 'postgres') await holdingOne(() => outside(run));
    expect(await count('sessions')).toBe(driver.kind === 'postgres' ? 1 : 20);
    await run();
    expect(await count('sessions')).toBe(0);
  });
});
