import { todos } from './0001-todos.ts';

/** The resource server's migrations in order; a text that was released is never changed. */
export const todosMigrations: Readonly<Record<string, string>> = {
  '0001-todos': todos,
};
