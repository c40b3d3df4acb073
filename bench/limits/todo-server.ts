import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import pg from 'pg';

/** What the limit is started with. */
export interface TodoServerNeeds {
  readonly databaseUrl: string;
  readonly userId: string;
}

const SELECT = {
  name: 'list',
  text: `select id, title, description, completed, created_at, updated_at
    from todos where user_id = $1 order by id desc limit 21`,
};
const CONNECTIONS = 10;

/**
 * The least that a list of todos can be on Koa: one prepared SELECT and the answer. No token is
 * looked at, no path or query read, nothing logged.
 */
process.once('message', ({ databaseUrl, userId }: TodoServerNeeds) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });
  const app = new Koa();
  app.use(async (ctx) => {
    const { rows } = await pool.query({ ...SELECT, values: [userId] });
    ctx.body = { todos: rows, next_cursor: null };
  });
  const server = app.listen(0, '127.0.0.1', () =>
    process.send?.((server.address() as AddressInfo).port),
  );
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
    void pool.end();
  });
});
