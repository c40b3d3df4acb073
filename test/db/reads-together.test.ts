import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { todosMigrations } from '../../migrations/todos/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import type { Owner } from '../../src/issuer/accounts/deps.ts';
import { findOwner } from '../../src/issuer/accounts/owner-store.ts';
import { manualClock } from '../../src/kit/clock.ts';
import { after, milliseconds, seconds } from '../../src/kit/duration.ts';
import { newUuid, type SessionId, type UserId } from '../../src/kit/id.ts';
import { insertTodo, type ListQuery, listTodos } from '../../src/resource-server/store.ts';
import type { TodoId } from '../../src/resource-server/todo.ts';
import { clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS, type OpenDatabase } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';

const WEEK = seconds(604_800);

describe.each(DRIVERS)('owners who are looked at together on $name', (driver) => {
  let keyturn: TestKeyturn;
  let users: SignedIn[];
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    const client = clientOf(keyturn);
    users = [];
    for (let i = 0; i < 6; i += 1) users.push(await client.register({ name: `User ${i}` }));
    // A second session of the first one, and one of the second that is over.
    users.push(await client.login(users[0] as SignedIn));
    const over = await client.login(users[1] as SignedIn);
    await client.post('/api/auth/logout', { refresh_token: over.refreshToken }).expect(204);
    users.push(over);
  });
  afterAll(() => keyturn.close());

  const owners = (): Owner[] =>
    users.map(({ sessionId, userId }) => ({
      sessionId: sessionId as SessionId,
      userId: userId as UserId,
    }));
  const look = (asked: readonly Owner[], now = keyturn.clock.now()) =>
    Promise.all(asked.map((owner) => findOwner(keyturn.database.db, { ...owner, now })));

  test('are each found as they would be alone', async () => {
    const asked = [...owners(), ...owners()].reverse();
    const alone = [];
    for (const owner of asked) alone.push(...(await look([owner])));
    expect(await look(asked)).toEqual(alone);
    expect(alone.map((user) => user?.email)).toEqual(
      [...users.slice(0, -1), undefined, ...users.slice(0, -1), undefined]
        .map((user) => user?.email)
        .reverse(),
    );
  });

  test('a session is its own user’s alone', async () => {
    const [ann, bob, cem] = owners();
    if (!ann || !bob || !cem) throw new Error('there are users');
    const crossed = { sessionId: ann.sessionId, userId: bob.userId };
    expect((await look([ann, crossed, cem])).map((user) => user?.id)).toEqual([
      ann.userId,
      undefined,
      cem.userId,
    ]);
    expect(await look([crossed])).toEqual([undefined]);
  });

  test('each is looked at as of its own moment', async () => {
    const [ann, bob] = owners();
    if (!ann || !bob) throw new Error('there are users');
    const now = keyturn.clock.now();
    const { db } = keyturn.database;
    const found = await Promise.all([
      findOwner(db, { ...ann, now: after(now, WEEK) }),
      findOwner(db, { ...bob, now }),
    ]);
    expect(found.map((user) => user?.id)).toEqual([undefined, bob.userId]);
    const last = after(now, milliseconds(WEEK - 1));
    for (const asked of [[ann], [ann, bob]]) {
      expect((await look(asked, last)).map((user) => user?.id)).toEqual(
        asked.map(({ userId }) => userId),
      );
      expect(await look(asked, after(now, WEEK))).toEqual(asked.map(() => undefined));
    }
  });
});

test('no plan is kept of what callers share: it may be from when the tables were tiny', async () => {
  const [postgres] = DRIVERS;
  const database = await (postgres as (typeof DRIVERS)[number]).open({ poolSize: 1 });
  await migrate(database, 'todos', todosMigrations);
  const query = { userId: 'ann', limit: 1, olderThan: null, completed: null };
  await Promise.all([listTodos(database.db, query), listTodos(database.db, query)]);
  await listTodos(database.db, query);
  const kept = await execute<{ statement: string }>(
    database.db,
    'SELECT statement FROM pg_prepared_statements WHERE statement LIKE $1',
    ['%FROM todos%'],
  );
  expect(kept.rows).toHaveLength(1);
  expect(kept.rows[0]?.statement).not.toContain('unnest');
  await database.close();
});

describe.each(DRIVERS)('lists that are read together on $name', (driver) => {
  let database: OpenDatabase;
  const users = ['ann', 'x"y', '{a,b}', '\\', "o'x", 'NULL', ''].map((name) => `${name} `);
  const ids = new Map<string, TodoId[]>();
  beforeAll(async () => {
    database = await driver.open();
    await migrate(database, 'todos', todosMigrations);
    let now = manualClock().now();
    for (let i = 0; i < 6; i += 1) {
      for (const user of users) {
        now = after(now, milliseconds(10));
        const id = newUuid(now) as TodoId;
        await insertTodo(database.db, user, { id, title: `${user}${i}`, description: null, now });
        ids.set(user, [id, ...(ids.get(user) ?? [])]);
        if (i % 2 === 0) {
          await execute(database.db, 'UPDATE todos SET completed = true WHERE id = $1', [id]);
        }
      }
    }
  });
  afterAll(() => database.close());

  const queries = (): ListQuery[] =>
    users.flatMap((userId) => [
      { userId, limit: 101, olderThan: null, completed: null },
      { userId, limit: 2, olderThan: null, completed: null },
      { userId, limit: 101, olderThan: ids.get(userId)?.[2] ?? null, completed: null },
      { userId, limit: 101, olderThan: null, completed: true },
      { userId, limit: 1, olderThan: ids.get(userId)?.[0] ?? null, completed: false },
      { userId: `${userId}?`, limit: 101, olderThan: null, completed: null },
    ]);

  test('are each as they would be alone', async () => {
    const alone = [];
    for (const query of queries()) alone.push(await listTodos(database.db, query));
    const lists = queries().map((query) => listTodos(database.db, query));
    expect(await Promise.all(lists)).toEqual(alone);
    expect(alone.slice(0, 6).map((list) => list.length)).toEqual([6, 2, 3, 3, 1, 0]);
    for (const [i, list] of alone.entries()) {
      const { userId } = queries()[i] as ListQuery;
      const own = ids.get(userId) ?? [];
      expect(list.map(({ id }) => id)).toEqual(own.filter((id) => list.some((t) => t.id === id)));
    }
  });
});
