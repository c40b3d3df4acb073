import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Client, clientOf } from '../support/client.ts';
import { DRIVERS } from '../support/databases.ts';
import { startKeyturn, type TestKeyturn } from '../support/keyturn.ts';
import { expectProblem } from '../support/problem.ts';
import { type Todos, todosOf } from '../support/todo-client.ts';

describe.each(DRIVERS)('versions of todos on $name', (driver) => {
  let keyturn: TestKeyturn;
  let client: Client;
  let todos: Todos;
  let id: string;
  let etag: string;
  beforeAll(async () => {
    keyturn = await startKeyturn(driver);
    client = clientOf(keyturn);
    todos = todosOf(client, (await client.register()).accessToken);
  });
  beforeEach(async () => {
    const { body, headers } = await todos.create({ title: 'a' });
    id = body.id;
    etag = headers.etag ?? '';
  });
  afterAll(() => keyturn.close());

  test('each change has an ETag of its own, the same wherever the todo is shown', async () => {
    const seen = [etag];
    for (const title of ['b', 'b', 'a']) {
      const changed = await todos.patch(id, { title });
      const read = await todos.get(id);
      expect(read.headers.etag).toBe(changed.headers.etag);
      expect(read.body).toEqual(changed.body);
      seen.push(changed.headers.etag ?? '');
    }
    expect(new Set(seen).size).toBe(4);
    for (const tag of seen) expect(tag).toMatch(/^"[^"]+"$/);
  });

  test('two tabs: the second to save is told, reads anew, and saves', async () => {
    const saved = await todos.patch(id, { title: 'first tab' }, { 'If-Match': etag });
    expect(saved.status).toBe(200);
    const late = await todos.patch(id, { title: 'second tab' }, { 'If-Match': etag });
    expectProblem(late, 412, 'precondition_failed');
    const current = await todos.get(id);
    expect(current.body.title).toBe('first tab');
    const again = { 'If-Match': current.headers.etag ?? '' };
    expect((await todos.patch(id, { title: 'both' }, again)).status).toBe(200);
    expect((await todos.get(id)).body.title).toBe('both');
  });

  test('ten tabs at once: one saves', async () => {
    const tabs = Array.from({ length: 10 }, (_, i) =>
      todos.patch(id, { title: `tab ${i}` }, { 'If-Match': etag }),
    );
    const statuses = (await Promise.all(tabs)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array(9).fill(412)]);
  });

  test('a tab deletes what another has changed only when it has seen the change', async () => {
    const { headers } = await todos.patch(id, { title: 'b' });
    expectProblem(await todos.remove(id, { 'If-Match': etag }), 412, 'precondition_failed');
    expect((await todos.get(id)).status).toBe(200);
    expect((await todos.remove(id, { 'If-Match': headers.etag ?? '' })).status).toBe(204);
    expectProblem(await todos.get(id), 404, 'not_found');
  });

  test.each<[string, (current: string) => string]>([
    ['the tag', (tag) => tag],
    ['*', () => '*'],
    ['* with spaces', () => ' * '],
    ['a list with it in it', (tag) => `"x", ${tag} ,"y"`],
    ['a list with a weak one beside it', (tag) => `W/${tag}, ${tag}`],
  ])('If-Match that matches: %s', async (_, value) => {
    const headers = { 'If-Match': value(etag) };
    const changed = await todos.patch(id, { title: 'b' }, headers);
    expect(changed.status).toBe(200);
    const now = { 'If-Match': value(changed.headers.etag ?? '') };
    expect((await todos.remove(id, now)).status).toBe(204);
  });

  test.each<[string, (current: string) => string]>([
    ['a weak tag', (tag) => `W/${tag}`],
    ['another', () => '"x"'],
    ['a list of others', () => '"x", "y"'],
    ['the tag without quotes', (tag) => tag.slice(1, -1)],
    ['the tag in single quotes', (tag) => tag.replaceAll('"', "'")],
    ['the empty tag', () => '""'],
    ['nothing', () => ''],
    ['a number beyond all', () => `"${'9'.repeat(30)}"`],
    ['zero', () => '"0"'],
    ['* in quotes', () => '"*"'],
  ])('If-Match that matches nothing: %s', async (_, value) => {
    const headers = { 'If-Match': value(etag) };
    const patched = await todos.patch(id, { title: 'b' }, headers);
    expectProblem(patched, 412, 'precondition_failed');
    expectProblem(await todos.remove(id, headers), 412, 'precondition_failed');
    const read = await todos.get(id);
    expect([read.body.title, read.headers.etag]).toEqual(['a', etag]);
  });

  test('a todo that is not there is 404 whatever was expected of it', async () => {
    await todos.remove(id);
    for (const headers of [{}, { 'If-Match': '*' }, { 'If-Match': etag }]) {
      expectProblem(await todos.patch(id, { title: 'b' }, headers), 404, 'not_found');
      expectProblem(await todos.remove(id, headers), 404, 'not_found');
    }
  });

  test('changes and deletions at once end in one deletion, and nothing else goes wrong', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id: contested } = await todos.add('a');
      const calls = Array.from({ length: 6 }, (_, i) =>
        i % 2 === 0 ? todos.remove(contested) : todos.patch(contested, { title: `${i}` }),
      );
      const answers = (await Promise.all(calls)).map(({ status }) => status);
      expect(answers.filter((status) => status === 204)).toHaveLength(1);
      // Without If-Match nobody expected anything: no 412.
      for (const status of answers) expect([200, 204, 404]).toContain(status);
    }
  });
});
