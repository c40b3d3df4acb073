import pg from 'pg';
import type { Duration } from '../kit/duration.ts';

/** One statement, and what it is asked with. */
export interface Question {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Under which the server keeps it prepared; unnamed when absent. */
  readonly name?: string | undefined;
}

/** What `pg` says of a server that does not answer. */
const SILENT = 'Query read timeout';

/**
 * Asks a server and resolves with its answer; without one within `limit` ends the connection, on
 * which an answer might yet come to somebody else. Rejects with what `pg` or the server says.
 *
 * `pg` has promises and limits of its own, but for both gives the query a callback when that has been
 * made already, and then V8 keeps each query and its rows until the next full collection. Nor is
 * what is asked copied property by property where the query is made from a text.
 */
export function ask(
  client: pg.ClientBase & { readonly connection: pg.Connection },
  { text, values, name }: Question,
  limit: Duration | undefined,
): Promise<pg.QueryResult> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const query = new pg.Query(text, values as unknown[], (error, result) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(result as unknown as pg.QueryResult);
    });
    if (name !== undefined) Object.assign(query, { name });
    client.query(query);
    if (limit === undefined) return;
    timer = setTimeout(() => {
      reject(new Error(SILENT));
      client.connection.stream.destroy();
    }, limit);
  });
}
