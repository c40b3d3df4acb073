import { useCallback, useEffect, useState } from 'react';
import { ISSUER, keyturn } from './keyturn.ts';

export interface Todo {
  readonly id: string;
  readonly title: string;
  readonly completed: boolean;
  /** Not saved yet: its id is none that the server knows. */
  readonly draft?: true;
}

const TODOS = `${ISSUER}/api/users/me/todos`;

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await keyturn.fetch(TODOS + path, {
    method,
    ...(body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const answer = response.status === 204 ? undefined : await response.json();
  if (!response.ok) throw new Error(answer.detail ?? `The answer was ${response.status}.`);
  return answer;
}

/**
 * The todos of who is signed in, the newest first. A change shows at once, and is taken back when
 * it fails: `error` says why.
 */
export function useTodos() {
  const [todos, setTodos] = useState<readonly Todo[]>([]);
  const [cursor, setCursor] = useState<string | null>();
  const [error, setError] = useState<string>();

  const load = useCallback(async (after?: string) => {
    try {
      const query = after ? `?limit=100&cursor=${after}` : '?limit=100';
      const page = await call<{ todos: Todo[]; next_cursor: string | null }>('GET', query);
      setTodos((before) => (after ? [...before, ...page.todos] : page.todos));
      setCursor(page.next_cursor);
    } catch (thrown) {
      setError((thrown as Error).message);
    }
  }, []);
  useEffect(() => void load(), [load]);

  const replace = (id: string, by: readonly Todo[]) =>
    setTodos((now) => now.flatMap((todo) => (todo.id === id ? by : [todo])));

  async function attempt(work: () => Promise<void>, undo: () => void): Promise<void> {
    setError(undefined);
    try {
      await work();
    } catch (thrown) {
      undo();
      setError((thrown as Error).message);
    }
  }

  return {
    todos,
    error,
    more: cursor ? () => load(cursor) : undefined,
    add(title: string) {
      const draft: Todo = { id: crypto.randomUUID(), title, completed: false, draft: true };
      setTodos((now) => [draft, ...now]);
      return attempt(
        async () => replace(draft.id, [await call<Todo>('POST', '', { title })]),
        () => replace(draft.id, []),
      );
    },
    change(todo: Todo, change: Partial<Pick<Todo, 'title' | 'completed'>>) {
      replace(todo.id, [{ ...todo, ...change }]);
      return attempt(
        async () => replace(todo.id, [await call<Todo>('PATCH', `/${todo.id}`, change)]),
        () => replace(todo.id, [todo]),
      );
    },
    remove(todo: Todo) {
      const place = todos.indexOf(todo);
      replace(todo.id, []);
      return attempt(
        () => call('DELETE', `/${todo.id}`),
        () => setTodos((now) => now.toSpliced(place, 0, todo)),
      );
    },
  };
}
