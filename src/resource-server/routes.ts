import { z } from 'zod';
import type { Database } from '../db/database.ts';
import { bearerToken } from '../http/bearer.ts';
import { noFields, readJson } from '../http/body.ts';
import { type AppContext, type AppRouter, createRouter } from '../http/context.ts';
import { notFound } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { sendJson } from '../http/send-json.ts';
import { text } from '../http/text.ts';
import { tokenMissing } from '../jwt/errors.ts';
import type { Clock } from '../kit/clock.ts';
import { AppError } from '../kit/errors.ts';
import { isUuid, newUuid } from '../kit/id.ts';
import { redactText } from '../kit/log-redact.ts';
import { crossUserAccess, preconditionFailed } from './errors.ts';
import { deleteTodo, findTodo, insertTodo, listTodos, updateTodo } from './store.ts';
import { etagOf, matchingVersions, renderTodo, type Todo, type TodoId } from './todo.ts';
import type { Verifier } from './verifier.ts';

/** Somebody asked for what belongs to another user. */
export interface CrossUserAccess {
  /** Who asked: the token's `sub`. */
  readonly userId: string;
  /** Whose todos were asked for, as the path had it; at most 200 characters. */
  readonly requestedUserId: string;
  readonly address: string;
  readonly userAgent: string | null;
  readonly requestId: string;
}

/** What the todos need. */
export interface TodoDeps {
  readonly database: Pick<Database, 'db'>;
  readonly clock: Clock;
  readonly verify: Verifier;
  /** Told about each attempt at another user's todos. */
  readonly report: (access: CrossUserAccess) => void;
  /** Told about each call without a token, which never reaches the verifier. */
  readonly onMissing: () => void;
}

/** Where a user's todos are. */
export const LIST_PATH = '/api/users/:user_id/todos';
/** Where one of them is. */
export const ITEM_PATH = `${LIST_PATH}/:id` as const;

const title = text({ min: 1, max: 200, trim: true });
const description = text({ max: 2000, trim: false, multiline: true }).nullable();
/** A todo that is to be. */
export const newTodo = z
  .strictObject({ title, description: description.optional() })
  .meta({ id: 'NewTodo', examples: [{ title: 'Water the plants' }] });
/** What changes of a todo. */
export const todoChange = z
  .strictObject({
    title: title.optional(),
    description: description.optional(),
    completed: z.boolean().optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), {
    error: 'must have at least one of title, description and completed',
  })
  .meta({ id: 'TodoChange', minProperties: 1, examples: [{ completed: true }] });
const LIMIT = 'must be a whole number from 1 to 100';
/** Which of the todos, and how many. */
export const listQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, { error: LIMIT })
    .transform(Number)
    .pipe(z.number().max(100, { error: LIMIT }))
    .default(20)
    .meta({ type: 'integer', minimum: 1, maximum: 100, default: 20 }),
  cursor: z.uuid({ error: 'must be a next_cursor of an earlier answer' }).optional(),
  completed: z.enum(['true', 'false']).optional(),
});

/** A user's todos; each statement carries the owner. */
export function todoRoutes(deps: TodoDeps): AppRouter {
  const { db } = deps.database;

  /** Who asks, once the path is theirs. @throws AppError 401, 403, 503 */
  async function owner(ctx: AppContext): Promise<string> {
    const token = bearerToken(ctx);
    if (token === undefined) {
      deps.onMissing();
      throw new AppError(tokenMissing);
    }
    const { sub } = await deps.verify(token);
    const requested = ctx.params.user_id ?? '';
    if (requested === 'me' || isSameUser(requested, sub)) return sub;
    const { address, userAgent, requestId } = ctx.state;
    // What was taken for an id may be a token, which nothing is to keep.
    const requestedUserId = redactText(requested, 200);
    deps.report({ userId: sub, requestedUserId, address, userAgent, requestId });
    throw new AppError(crossUserAccess);
  }

  const todoId = (ctx: AppContext): TodoId => {
    const id = (ctx.params.id ?? '').toLowerCase();
    if (!isUuid(id)) throw new AppError(notFound, NO_TODO);
    return id as TodoId;
  };

  const answer = (ctx: AppContext, todo: Todo): void => {
    ctx.set('ETag', etagOf(todo));
    sendJson(ctx, renderTodo(todo));
  };

  return createRouter()
    .get(LIST_PATH, async (ctx) => {
      const userId = await owner(ctx);
      const { limit, cursor, completed } = readQuery(ctx, listQuery);
      // One more than asked for tells whether there is a next page.
      const found = await listTodos(db, {
        userId,
        limit: limit + 1,
        olderThan: (cursor ?? null) as TodoId | null,
        completed: completed === undefined ? null : completed === 'true',
      });
      const todos = found.slice(0, limit);
      sendJson(ctx, {
        todos: todos.map(renderTodo),
        next_cursor: found.length > limit ? (todos.at(-1)?.id ?? null) : null,
      });
    })
    .post(LIST_PATH, async (ctx) => {
      const userId = await owner(ctx);
      const input = await readJson(ctx, newTodo);
      const now = deps.clock.now();
      const id = newUuid(now) as TodoId;
      const fields = { id, title: input.title, description: input.description ?? null, now };
      const todo = await insertTodo(db, userId, fields);
      ctx.status = 201;
      ctx.set('Location', `/api/users/${encodeURIComponent(userId)}/todos/${todo.id}`);
      answer(ctx, todo);
    })
    .get(ITEM_PATH, async (ctx) => {
      const userId = await owner(ctx);
      const todo = await findTodo(db, userId, todoId(ctx));
      if (!todo) throw new AppError(notFound, NO_TODO);
      answer(ctx, todo);
    })
    .patch(ITEM_PATH, async (ctx) => {
      const userId = await owner(ctx);
      const id = todoId(ctx);
      const change = await readJson(ctx, todoChange);
      const versions = matchingVersions(ctx.req.headers['if-match']);
      const changed = await updateTodo(db, userId, id, change, versions, deps.clock.now());
      if (typeof changed === 'string') throw refusalOf(changed);
      answer(ctx, changed);
    })
    .delete(ITEM_PATH, async (ctx) => {
      const userId = await owner(ctx);
      const id = todoId(ctx);
      await readJson(ctx, noFields);
      const versions = matchingVersions(ctx.req.headers['if-match']);
      const outcome = await deleteTodo(db, userId, id, versions);
      if (outcome !== 'deleted') throw refusalOf(outcome);
      ctx.status = 204;
    });
}

/** UUIDs are read in any case (RFC 9562 section 4); whatever else an issuer calls its users is not. */
const isSameUser = (requested: string, sub: string): boolean =>
  requested === sub ||
  (isUuid(requested) && isUuid(sub) && requested.toLowerCase() === sub.toLowerCase());

const refusalOf = (why: 'missing' | 'changed_meanwhile'): AppError =>
  why === 'missing' ? new AppError(notFound, NO_TODO) : new AppError(preconditionFailed);

const NO_TODO = { detail: 'You have no todo with this id.' };
