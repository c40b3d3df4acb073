import type { Brand } from '../kit/brand.ts';

/** A todo's id: a UUID whose order is that of time. */
export type TodoId = Brand<string, 'TodoId'>;

/** A todo. */
export interface Todo {
  readonly id: TodoId;
  readonly title: string;
  readonly description: string | null;
  readonly completed: boolean;
  /** Raised by each change. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** New values for some of a todo's fields. */
export interface TodoChange {
  readonly title?: string | undefined;
  readonly description?: string | null | undefined;
  readonly completed?: boolean | undefined;
}

/** A todo as the API shows it. */
export const renderTodo = (todo: Todo) => ({
  id: todo.id,
  title: todo.title,
  description: todo.description,
  completed: todo.completed,
  created_at: todo.createdAt,
  updated_at: todo.updatedAt,
});

/** A todo's strong entity tag (RFC 9110 section 8.8.3). */
export const etagOf = (todo: Todo): string => `"${todo.version}"`;

/**
 * The versions that an If-Match header accepts (RFC 9110 section 13.1.1): null for any, also when
 * there is no header; weak tags and foreign ones match nothing.
 */
export function matchingVersions(ifMatch: string | undefined): readonly number[] | null {
  if (ifMatch === undefined || ifMatch.trim() === '*') return null;
  const tags = ifMatch.split(',').map((tag) => /^"([1-9]\d{0,8})"$/.exec(tag.trim())?.[1]);
  return tags.flatMap((version) => (version === undefined ? [] : [Number(version)]));
}
