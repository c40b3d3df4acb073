import pg from 'pg';

/** Every row of every table, as it was. */
export type Dump = ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>;

const TABLES = `select quote_ident(table_name) as name from information_schema.tables
  where table_schema = 'public' and table_type = 'BASE TABLE'`;

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Takes a backup of a database's rows, at one moment. */
export const takeDump = (url: string): Promise<Dump> =>
  connected(url, async (client) => {
    await client.query('begin isolation level repeatable read');
    const tables = await client.query<{ name: string }>(TABLES);
    const dump = new Map();
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: object }>(
        `select to_json(t) as row from ${name} t`,
      );
      dump.set(
        name,
        rows.map(({ row }) => row),
      );
    }
    return dump;
  });

/** Puts a backup's rows in the place of those that are there, under whoever works on it. */
export const restoreDump = (url: string, dump: Dump): Promise<void> =>
  connected(url, async (client) => {
    await client.query('begin');
    await client.query(`truncate ${[...dump.keys()].join(', ')} cascade`);
    // The rows are whole: what refers to another may come before it.
    await client.query('set local session_replication_role = replica');
    for (const [name, rows] of dump) {
      await client.query(
        `insert into ${name} select * from json_populate_recordset(null::${name}, $1)`,
        [JSON.stringify(rows)],
      );
    }
    await client.query('commit');
  });
