import type { FormEvent } from 'react';
import { keyturn, useUser } from './keyturn.ts';
import { useTodos } from './use-todos.ts';

export function App() {
  const user = useUser();
  if (user === undefined) return <p>One moment…</p>;
  if (user === null) {
    return (
      <button type="button" onClick={() => keyturn.goToLogin()}>
        Log in
      </button>
    );
  }
  return (
    <>
      <header>
        <h1>Todos of {user.name}</h1>
        <button type="button" onClick={() => keyturn.logout()}>
          Log out
        </button>
      </header>
      {/* Somebody else has other todos. */}
      <Todos key={user.id} />
    </>
  );
}

function Todos() {
  const { todos, error, more, add, change, remove } = useTodos();

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const title = String(new FormData(event.currentTarget).get('title')).trim();
    event.currentTarget.reset();
    if (title) add(title);
  }

  return (
    <main>
      <form onSubmit={submit}>
        <label>
          What is to be done? <input name="title" maxLength={200} autoComplete="off" required />
        </label>
        <button type="submit">Add</button>
      </form>
      <p role="alert">{error}</p>
      <ul>
        {todos.map((todo) => (
          <li key={todo.id}>
            <label>
              <input
                type="checkbox"
                checked={todo.completed}
                disabled={todo.draft}
                onChange={({ target }) => change(todo, { completed: target.checked })}
              />
              {todo.title}
            </label>
            <button
              type="button"
              aria-label={`Delete “${todo.title}”`}
              disabled={todo.draft}
              onClick={() => remove(todo)}
            >
              Delete
            </button>
          </li>
        ))}
      </ul>
      {more && (
        <button type="button" onClick={more}>
          Show more
        </button>
      )}
    </main>
  );
}
