import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seconds } from '../../src/kit/duration.ts';
import { bearer, type Client, clientOf, type SignedIn } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { type TodoBody, type Todos, todosOf } from '../support/todo-client.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOBODY = '00000000-0000-7000-8000-000000000000';

describe.each(DRIVERS)('todos on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  let ann: SignedIn;
  let todos: Todos;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
  });
  beforeEach(async () => {
    ann = await client.register();
    todos = todosOf(client, ann.accessToken);
  });
  afterAll(() => keyturn.close());

  /** Adds some, a second after one another, and answers their ids from the newest. */
  async function fill(count: number, completed: (i: number) => boolean = () => false) {
    const ids: string[] = [];
    for (let i = 0; i < count; i += 1) {
      keyturn.clock.advance(seconds(1));
      const { id } = await todos.add(`todo ${i}`);
      if (completed(i)) await todos.patch(id, { completed: true }).expect(200);
      ids.unshift(id);
    }
    return ids;
  }
  const idsOf = ({ body }: { body: { todos: TodoBody[] } }) => body.todos.map(({ id }) => id);

  test('a new one is answered with 201, where it is, and all that it is', async () => {
    const now = keyturn.clock.now().toISOString();
    const response = await todos.create({ title: ' Buy milk ', description: 'two\nlitres\n' });
    expect(response.status).toBe(201);
    const { id } = response.body;
    expect(id).toMatch(UUID);
    expect(response.body).toEqual({
      id,
      title: 'Buy milk',
      description: 'two\nlitres\n',
      completed: false,
      created_at: now,
      updated_at: now,
    });
    expect(response.headers.location).toBe(`/api/users/${ann.userId}/todos/${id}`);
    expect(response.headers.etag).toMatch(/^"[^"]+"$/);
    const read = await client.get(response.headers.location ?? '', bearer(ann.accessToken));
    expect(read.status).toBe(200);
    expect(read.body).toEqual(response.body);
    expect(read.headers.etag).toBe(response.headers.etag);
    expect(read.headers['cache-control']).toBe('no-store');
  });

  test('a description is null when it is absent or null', async () => {
    expect((await todos.create({ title: 'a' })).body.description).toBeNull();
    expect((await todos.create({ title: 'a', description: null })).body.description).toBeNull();
    expect((await todos.create({ title: 'a', description: '' })).body.description).toBe('');
  });

  test('lengths are counted in characters, up to 200 and 2,000', async () => {
    const most = { title: '😀'.repeat(200), description: '😀'.repeat(2000) };
    expect((await todos.create(most)).body).toMatchObject(most);
    expectProblem(await todos.create({ title: '😀'.repeat(201) }), 400, 'invalid_request', [
      'title',
    ]);
    const long = { title: 'a', description: 'b'.repeat(2001) };
    expectProblem(await todos.create(long), 400, 'invalid_request', ['description']);
  });

  test('the list is empty, then newest first', async () => {
    const empty = await todos.list();
    expect(empty.status).toBe(200);
    expect(empty.body).toEqual({ todos: [], next_cursor: null });
    const ids = await fill(3);
    const response = await todos.list();
    expect(idsOf(response)).toEqual(ids);
    expect(response.body.next_cursor).toBeNull();
    expect(response.body.todos[0]).toEqual((await todos.get(ids[0] ?? '')).body);
  });

  test('of those that came within one millisecond, too', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 12; i += 1) ids.unshift((await todos.add(`todo ${i}`)).id);
    expect(idsOf(await todos.list())).toEqual(ids);
  });

  test('20 are listed unless a limit says otherwise', async () => {
    const ids = await fill(21);
    const page = await todos.list();
    expect(idsOf(page)).toEqual(ids.slice(0, 20));
    expect(page.body.next_cursor).toEqual(expect.any(String));
    expect(idsOf(await todos.list(`?cursor=${page.body.next_cursor}`))).toEqual(ids.slice(20));
    for (const limit of [1, 2, 21, 100]) {
      expect(idsOf(await todos.list(`?limit=${limit}`))).toEqual(ids.slice(0, limit));
    }
  });

  test('pages follow one another without a gap or a double, whatever comes meanwhile', async () => {
    const ids = await fill(7);
    const first = await todos.list('?limit=3');
    const [newer] = await fill(1);
    await todos.remove(ids[4] ?? '').expect(204);
    const second = await todos.list(`?limit=3&cursor=${first.body.next_cursor}`);
    expect(idsOf(first)).toEqual(ids.slice(0, 3));
    expect(idsOf(second)).toEqual([ids[3], ids[5], ids[6]]);
    expect(second.body.next_cursor).toBeNull();
    // Without a cursor it begins anew.
    expect(idsOf(await todos.list('?limit=1'))).toEqual([newer]);
  });

  test('a full last page has no successor', async () => {
    await fill(4);
    const first = await todos.list('?limit=2');
    const second = await todos.list(`?limit=2&cursor=${first.body.next_cursor}`);
    expect(second.body.todos).toHaveLength(2);
    expect(second.body.next_cursor).toBeNull();
  });

  test('the filter takes what is completed, or what is not, on every page', async () => {
    const ids = await fill(6, (i) => i % 2 === 0);
    const odd = ids.filter((_, i) => i % 2 === 0);
    const even = ids.filter((_, i) => i % 2 === 1);
    expect(idsOf(await todos.list('?completed=false'))).toEqual(odd);
    const page = await todos.list('?completed=true&limit=2');
    expect(idsOf(page)).toEqual(even.slice(0, 2));
    const next = await todos.list(`?completed=true&limit=2&cursor=${page.body.next_cursor}`);
    expect(idsOf(next)).toEqual(even.slice(2));
    expect(next.body.next_cursor).toBeNull();
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=010', 'limit'],
    ['limit=', 'limit'],
    ['limit=x', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=', 'cursor'],
    ['cursor=x', 'cursor'],
    ["cursor=';drop table todos", 'cursor'],
    ['completed=', 'completed'],
    ['completed=yes', 'completed'],
    ['completed=TRUE', 'completed'],
    ['page=2', 'page'],
    ['__proto__=1', '__proto__'],
  ])('the query %s is refused', async (query, path) => {
    const response = await todos.list(`?${query.replaceAll(' ', '%20')}`);
    expectProblem(response, 400, 'invalid_request', [path]);
  });

  test('a change takes each field alone, keeps the rest, and moves updated_at', async () => {
    const { body: before } = await todos.create({ title: 'a', description: 'b' });
    const changes = [{ title: 'c' }, { completed: true }, { description: null }, { title: 'c' }];
    let expected = before;
    for (const change of changes) {
      keyturn.clock.advance(seconds(1));
      const response = await todos.patch(before.id, change);
      expect(response.status).toBe(200);
      expected = { ...expected, ...change, updated_at: keyturn.clock.now().toISOString() };
      expect(response.body).toEqual(expected);
      expect((await todos.get(before.id)).body).toEqual(expected);
    }
  });

  test('a change needs a field', async () => {
    const { id } = await todos.add('a');
    expectProblem(await todos.patch(id, {}), 400, 'invalid_request', ['']);
    expectProblem(await todos.patch(id, { title: null }), 400, 'invalid_request', ['title']);
    expectProblem(await todos.patch(id, { id: NOBODY }), 400, 'invalid_request', ['id', '']);
    const made = { title: 'a', completed: true };
    expectProblem(await todos.create(made), 400, 'invalid_request', ['completed']);
  });

  test('what is deleted is gone', async () => {
    const { id } = await todos.add('a');
    const response = await todos.remove(id);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expectProblem(await todos.get(id), 404, 'not_found');
    expectProblem(await todos.patch(id, { title: 'b' }), 404, 'not_found');
    expectProblem(await todos.remove(id), 404, 'not_found');
    expect(await todos.ids()).toEqual([]);
  });

  test.each([NOBODY, 'x', '1', '%00', "'", NOBODY.slice(1), `${NOBODY}0`])(
    'there is nothing under the id %s',
    async (id) => {
      for (const response of [await todos.get(id), await todos.remove(id)]) {
        if (id === '%00') expectProblem(response, 400, 'invalid_request');
        else expectProblem(response, 404, 'not_found');
      }
    },
  );

  test('other methods are not allowed', async () => {
    const response = await client.patch('/api/users/me/todos', {}, bearer(ann.accessToken));
    expectProblem(response, 405, 'method_not_allowed');
    expect(response.headers.allow).toContain('POST');
  });
});
