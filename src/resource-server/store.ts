import type { Db } from '../db/database.ts';
import { gathering } from '../db/gather.ts';
import { execute } from '../db/statement.ts';
import { plannedAnew } from '../db/statement-names.ts';
import type { Todo, TodoChange, TodoId } from './todo.ts';

interface Row {
  id: TodoId;
  title: string;
  description: string | null;
  completed: boolean;
  version: number;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = 'id, title, description, completed, version, created_at, updated_at';

const toTodo = (row: Row): Todo => ({
  id: row.id,
  title: row.title,
  description: row.description,
  completed: row.completed,
  version: row.version,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Whose todos to list, and which. */
export interface ListQuery {
  readonly userId: string;
  readonly limit: number;
  /** Only todos older than this one. */
  readonly olderThan: TodoId | null;
  readonly completed: boolean | null;
}

/** Above every id, so that a page without a beginning is found by the same index. */
const LAST = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid";

const LIST = `SELECT ${COLUMNS} FROM todos
WHERE user_id = $1 AND id < coalesce($2::uuid, ${LAST})
  AND ($3::boolean IS NULL OR completed = $3)
ORDER BY id DESC LIMIT $4`;

const LIST_SEVERAL = plannedAnew(`SELECT asked.place::int, listed.*
FROM unnest($1::text[], $2::uuid[], $3::int[]) WITH ORDINALITY
  AS asked (user_id, older_than, most, place)
CROSS JOIN LATERAL (
  SELECT ${COLUMNS} FROM todos
  WHERE user_id = asked.user_id AND id < coalesce(asked.older_than, ${LAST})
  ORDER BY id DESC LIMIT asked.most) AS listed
ORDER BY asked.place, listed.id DESC`);

/** Lists that share a statement: each may have a hundred todos, and one answer is read at once. */
const MOST_LISTS = 16;

async function listAlone(db: Db, query: ListQuery): Promise<Todo[]> {
  const { userId, olderThan, completed, limit } = query;
  const { rows } = await execute<Row>(db, LIST, [userId, olderThan, completed, limit]);
  return rows.map(toTodo);
}

const listTogether = gathering(
  listAlone,
  async (db, queries: readonly ListQuery[]) => {
    const { rows } = await execute<Row & { place: number }>(db, LIST_SEVERAL, [
      queries.map(({ userId }) => userId),
      queries.map(({ olderThan }) => olderThan),
      queries.map(({ limit }) => limit),
    ]);
    const lists = queries.map((): Todo[] => []);
    for (const row of rows) lists[row.place - 1]?.push(toTodo(row));
    return lists;
  },
  MOST_LISTS,
);

/**
 * A user's todos, the newest first: ids are made in the order of time. A list of the open ones may
 * have to pass over any number of others, for which nobody else's is to wait.
 */
export const listTodos = (db: Db, query: ListQuery): Promise<Todo[]> =>
  query.completed === null ? listTogether(db, query) : listAlone(db, query);

const INSERT = `INSERT INTO todos (user_id, ${COLUMNS}) VALUES ($1, $2, $3, $4, false, 1, $5, $5)
RETURNING ${COLUMNS}`;

/** Stores a new todo. */
export async function insertTodo(
  db: Db,
  userId: string,
  todo: { id: TodoId; title: string; description: string | null; now: Date },
): Promise<Todo> {
  const { id, title, description, now } = todo;
  const { rows } = await execute<Row>(db, INSERT, [userId, id, title, description, now]);
  if (!rows[0]) throw new Error('an inserted todo was not returned');
  return toTodo(rows[0]);
}

const FIND = `SELECT ${COLUMNS} FROM todos WHERE user_id = $1 AND id = $2`;

/** One of a user's todos. */
export async function findTodo(db: Db, userId: string, id: TodoId): Promise<Todo | undefined> {
  const { rows } = await execute<Row>(db, FIND, [userId, id]);
  return rows[0] && toTodo(rows[0]);
}

/** What became of a change: `missing` and `changed_meanwhile` have changed nothing. */
export type Changed = Todo | 'missing' | 'changed_meanwhile';

interface ChangeRow extends Partial<Row> {
  found: boolean;
}

// One statement says both whether the todo is there and whether it was as expected: the outer
// SELECT sees the table as it was before.
const UPDATE = `WITH changed AS (
  UPDATE todos SET title = coalesce($3, title),
    description = CASE WHEN $4 THEN $5 ELSE description END,
    completed = coalesce($6, completed), version = version + 1, updated_at = $7
  WHERE user_id = $1 AND id = $2 AND ($8::int[] IS NULL OR version = ANY ($8))
  RETURNING ${COLUMNS})
SELECT (SELECT count(*) FROM todos WHERE user_id = $1 AND id = $2) > 0 AS found, changed.*
FROM (SELECT 1) AS one LEFT JOIN changed ON true`;

/**
 * Changes one of a user's todos.
 * @param versions changes it only while its version is one of these; null: whatever it is
 */
export async function updateTodo(
  db: Db,
  userId: string,
  id: TodoId,
  change: TodoChange,
  versions: readonly number[] | null,
  now: Date,
): Promise<Changed> {
  const { rows } = await execute<ChangeRow>(db, UPDATE, [
    userId,
    id,
    change.title ?? null,
    change.description !== undefined,
    change.description ?? null,
    change.completed ?? null,
    now,
    versions,
  ]);
  const [row] = rows;
  if (row?.id) return toTodo(row as Row);
  return whyNot(row, versions);
}

const DELETE = `WITH gone AS (
  DELETE FROM todos WHERE user_id = $1 AND id = $2 AND ($3::int[] IS NULL OR version = ANY ($3))
  RETURNING id)
SELECT (SELECT count(*) FROM todos WHERE user_id = $1 AND id = $2) > 0 AS found,
  EXISTS (SELECT 1 FROM gone) AS deleted`;

/** Deletes one of a user's todos; `versions` as in `updateTodo`. */
export async function deleteTodo(
  db: Db,
  userId: string,
  id: TodoId,
  versions: readonly number[] | null,
): Promise<'deleted' | 'missing' | 'changed_meanwhile'> {
  const { rows } = await execute<{ found: boolean; deleted: boolean }>(db, DELETE, [
    userId,
    id,
    versions,
  ]);
  if (rows[0]?.deleted) return 'deleted';
  return whyNot(rows[0], versions);
}

const DELETE_SOME = `WITH several AS MATERIALIZED (
  SELECT user_id, id FROM todos WHERE user_id = ANY ($1::text[]) LIMIT $2 FOR UPDATE)
DELETE FROM todos USING several
WHERE todos.user_id = several.user_id AND todos.id = several.id`;

/** Todos that a statement deletes: nothing keeps a user from having more than one has time for. */
const MOST_DELETED = 5000;

/** Deletes every todo of some users, so many at a time. */
export async function deleteTodosOf(db: Db, userIds: readonly string[]): Promise<void> {
  for (let deleted = MOST_DELETED; deleted === MOST_DELETED; ) {
    deleted = (await execute(db, DELETE_SOME, [userIds, MOST_DELETED])).affected;
  }
}

/** Without expectations only a deletion under way can have kept a todo that was found. */
const whyNot = (row: { found: boolean } | undefined, versions: readonly number[] | null) =>
  row?.found && versions ? 'changed_meanwhile' : 'missing';
