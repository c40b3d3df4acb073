import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';

/** What the limit is started with. */
export interface SelectServerNeeds {
  readonly databaseUrl: string;
  readonly userId: string;
}

const SELECT = {
  name: 'user',
  text: 'select id, email, email_verified, name, created_at from users where id = $1',
};
const CONNECTIONS = 10;

/** The least that an authenticated read can be: one prepared SELECT; no token is looked at. */
process.once('message', ({ databaseUrl, userId }: SelectServerNeeds) => {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });
  const server = createServer(async (_req, res) => {
    const { rows } = await pool.query({ ...SELECT, values: [userId] });
    const body = Buffer.from(JSON.stringify(rows[0]));
    res.writeHead(200, [
      ...['Content-Type', 'application/json', 'Cache-Control', 'no-store'],
      ...['Content-Length', String(body.length)],
    ]);
    res.end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
    void pool.end();
  });
});
