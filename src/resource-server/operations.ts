import { z } from 'zod';
import { noFields } from '../http/body.ts';
import type { Answer, Operation } from '../http/operation.ts';
import { notFound } from '../http/problem.ts';
import { BEARER_ERRORS } from '../jwt/errors.ts';
import { crossUserAccess, preconditionFailed } from './errors.ts';
import { ITEM_PATH, LIST_PATH, listQuery, newTodo, todoChange } from './routes.ts';

const todo = z
  .strictObject({
    id: z.uuid(),
    title: z.string(),
    description: z.string().nullable(),
    completed: z.boolean(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'Todo' });
const page = z
  .strictObject({
    todos: z.array(todo),
    next_cursor: z.uuid().nullable().meta({
      description: 'The `cursor` of the next page; null on the last.',
    }),
  })
  .meta({ id: 'TodoPage' });

const one = (description: string): Answer => ({ description, body: todo, headers: ['ETag'] });
const user_id = z.string().meta({
  description: 'The token’s `sub`, or `me`.',
  default: 'me',
});
const id = z.string().meta({ description: 'A todo’s id.', format: 'uuid' });

const all = {
  tag: 'Todos',
  credentials: ['bearer'],
  path: { user_id },
  errors: [...BEARER_ERRORS, crossUserAccess],
} as const;
const single = { ...all, path: { user_id, id }, errors: [...all.errors, notFound] } as const;
const conditional = { conditional: true, errors: [...single.errors, preconditionFailed] } as const;

/** What the resource server serves. */
export const TODO_OPERATIONS: readonly Operation[] = [
  {
    ...all,
    call: `GET ${LIST_PATH}`,
    id: 'listTodos',
    summary: 'List the user’s todos, the newest first',
    query: listQuery,
    answers: { 200: { description: 'A page of them.', body: page } },
  },
  {
    ...all,
    call: `POST ${LIST_PATH}`,
    id: 'addTodo',
    summary: 'Add a todo',
    body: newTodo,
    answers: { 201: { ...one('The todo.'), headers: ['ETag', 'Location'] } },
  },
  {
    ...single,
    call: `GET ${ITEM_PATH}`,
    id: 'getTodo',
    summary: 'Read one',
    answers: { 200: one('The todo.') },
  },
  {
    ...single,
    ...conditional,
    call: `PATCH ${ITEM_PATH}`,
    id: 'changeTodo',
    summary: 'Change one',
    body: todoChange,
    answers: { 200: one('The todo as it is now.') },
  },
  {
    ...single,
    ...conditional,
    call: `DELETE ${ITEM_PATH}`,
    id: 'deleteTodo',
    summary: 'Delete one',
    body: noFields,
    answers: { 204: { description: 'It is gone.' } },
  },
];
