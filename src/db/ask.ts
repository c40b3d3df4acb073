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
 * `pg` would do both by itself, but gives the query its callback when that has been made already, and
 * then V8 keeps each of them and its rows until the next full collection. Nor is a query that is
 * made from a text copied property by property.
 */
export function ask(
  client: pg.ClientBase & { readonly connection: pg.Connection },
  { text, values, name }: Question,
  limit: Duration | undefined,
): Promise<pg.QueryResult> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      reject(new Error(SILENT));
      client.connection.stream.destroy();
    };
    const timer = limit === undefined ? undefined : setTimeout(giveUp, limit);
    const query = new pg.Query(text, values as unknown[], (error, result) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(result as unknown as pg.QueryResult);
    });
    if (name !== undefined) Object.assign(query, { name });
    client.query(query);
  });
}
