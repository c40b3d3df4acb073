import type { Response, Test } from 'supertest';
import { expect } from 'vitest';
import { bearer, type Client } from './client.ts';

/** A todo as the API shows it. */
export interface TodoBody {
  readonly id: string;
  readonly title: string;
  readonly description: string | null;
  readonly completed: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

type Headers = Readonly<Record<string, string>>;

/** The todos as one user sees them: paths are what follows `/api/users/…/todos`. */
export interface Todos {
  list(query?: string): Test;
  create(body: object): Test;
  get(id: string): Test;
  patch(id: string, body: object, headers?: Headers): Test;
  remove(id: string, headers?: Headers): Test;
  /** Creates one that has to come to be. */
  add(title: string): Promise<TodoBody>;
  /** The ids of all, page by page. */
  ids(): Promise<string[]>;
}

/** Calls the todos as the owner of a token, under an id in the path: `me` unless told otherwise. */
export function todosOf(client: Client, accessToken: string, userId = 'me'): Todos {
  const path = `/api/users/${userId}/todos`;
  const headers = bearer(accessToken);
  const todos: Todos = {
    list: (query = '') => client.get(path + query, headers),
    create: (body) => client.post(path, body, headers),
    get: (id) => client.get(`${path}/${id}`, headers),
    patch: (id, body, more) => client.patch(`${path}/${id}`, body, { ...headers, ...more }),
    remove: (id, more) => client.delete(`${path}/${id}`, { ...headers, ...more }),
    async add(title) {
      const response = await todos.create({ title });
      expect(response.status).toBe(201);
      return response.body;
    },
    async ids() {
      const ids: string[] = [];
      let query = '';
      for (;;) {
        const page: Response = await todos.list(`?limit=100${query}`);
        expect(page.status).toBe(200);
        ids.push(...page.body.todos.map(({ id }: TodoBody) => id));
        if (page.body.next_cursor === null) return ids;
        query = `&cursor=${page.body.next_cursor}`;
      }
    },
  };
  return todos;
}
