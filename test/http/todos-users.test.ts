import { randomInt, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, clientOf } from '../support/client.ts';
import { DRIVERS, type TestDriver } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { openKeys } from '../support/opened-keys.ts';
import { type Todos, todosOf } from '../support/todo-client.ts';
import { withClaims } from './forgery.ts';

const USERS = 200;
const ROUNDS = 25;

/** A user, and the todos that he should have: titles by id, each starting with his own id. */
interface Person {
  readonly userId: string;
  readonly todos: Todos;
  readonly token: string;
  readonly titles: Map<string, string>;
}

/** What one of them does next; `whose` and `which` are fractions that pick another user and a todo. */
interface Step {
  readonly kind: 'create' | 'list' | 'page' | 'read' | 'change' | 'delete' | 'meddle' | 'trespass';
  readonly whose: number;
  readonly which: number;
}

const step = fc.record<Step>({
  kind: fc.constantFrom(
    ...(['create', 'create', 'list', 'page', 'read', 'change', 'delete'] as const),
    ...(['meddle', 'meddle', 'trespass'] as const),
  ),
  whose: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  which: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
});

const picked = <T>(all: readonly T[], fraction: number): T | undefined =>
  all[Math.floor(fraction * all.length)];

describe('two hundred users side by side', () => {
  let keyturn: TestKeyturn;
  let client: Client;
  let people: Person[];
  beforeAll(async () => {
    keyturn = await startKeyturn(DRIVERS[0] as TestDriver);
    client = clientOf(keyturn);
    const { accessToken: token, refreshToken } = await client.register();
    const keys = await openKeys(keyturn);
    const workshop = { keys, token, refreshToken, otherToken: token, now: 0 };
    people = Array.from({ length: USERS }, () => {
      const userId = randomUUID();
      const own = withClaims(workshop, { sub: userId, jti: randomUUID() });
      return { userId, token: own, todos: todosOf(client, own), titles: new Map() };
    });
  });
  afterAll(() => keyturn.close());

  /** Nothing but his own, and each as he left it. */
  function expectOwn({ userId, titles }: Person, rows: readonly { id: string; title: string }[]) {
    for (const { id, title } of rows) {
      expect(title.startsWith(userId)).toBe(true);
      expect(title).toBe(titles.get(id));
    }
  }

  async function take(person: Person, { kind, whose, which }: Step): Promise<void> {
    const { userId, todos, titles } = person;
    const id = picked([...titles.keys()], which);
    const other = picked(people, whose) as Person;
    const foreign = other === person ? undefined : picked([...other.titles.keys()], which);
    switch (kind) {
      case 'create': {
        const made = await todos.add(`${userId} ${titles.size}`);
        titles.set(made.id, made.title);
        return;
      }
      case 'list':
        expect((await todos.ids()).sort()).toEqual([...titles.keys()].sort());
        return;
      case 'page': {
        const { status, body } = await todos.list(`?limit=2&cursor=${foreign ?? userId}`);
        expect(status).toBe(200);
        expectOwn(person, body.todos);
        return;
      }
      case 'read':
        if (id) expectOwn(person, [(await todos.get(id)).body]);
        return;
      case 'change': {
        if (!id) return;
        const title = `${userId} changed ${which}`;
        expect((await todos.patch(id, { title })).status).toBe(200);
        titles.set(id, title);
        return;
      }
      case 'delete':
        if (!id) return;
        expect((await todos.remove(id)).status).toBe(204);
        titles.delete(id);
        return;
      case 'meddle': {
        if (!foreign) return;
        const call = Math.floor(whose * 3000) % 3;
        const calls = [
          () => todos.get(foreign),
          () => todos.patch(foreign, { title: `${userId} was here` }),
          () => todos.remove(foreign),
        ];
        expect((await calls[call]?.())?.status).toBe(404);
        return;
      }
      case 'trespass': {
        if (other === person) return;
        const theirs = todosOf(client, person.token, other.userId);
        expect((await theirs.list()).status).toBe(403);
        expect((await theirs.create({ title: `${userId} was here` })).status).toBe(403);
        return;
      }
    }
  }

  test('never see or touch a row that is not their own', async () => {
    const seed = randomInt(2 ** 31);
    const steps = fc.sample(step, { numRuns: USERS * ROUNDS, seed });
    const walks = people.map(async (person, i) => {
      for (const next of steps.slice(i * ROUNDS, (i + 1) * ROUNDS)) await take(person, next);
    });
    const outcomes = await Promise.allSettled(walks);
    const failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(failures, `seed ${seed}`).toEqual([]);

    const rows = await keyturn.sql<{ user_id: string; id: string; title: string }>(
      'SELECT user_id, id, title FROM todos',
    );
    const expected = people.flatMap(({ userId, titles }) =>
      [...titles].map(([id, title]) => ({ user_id: userId, id, title })),
    );
    const sorted = (all: typeof rows) => all.sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(sorted(rows)).toEqual(sorted(expected));
    expect(rows.length).toBeGreaterThan(USERS);
  });
});
