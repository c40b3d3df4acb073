import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';

/** A PostgreSQL of the bench's own, as long as the bench runs. */
export interface Database extends AsyncDisposable {
  /** Makes an empty database and returns its URL. */
  create(): Promise<string>;
  /** Runs one statement in the database that `url` names. */
  query<Row extends pg.QueryResultRow>(url: string, statement: string): Promise<Row[]>;
  readonly version: string;
}

/** Starts PostgreSQL 18; without `fsync` it never waits for the disk. */
export async function startDatabase(fsync: boolean): Promise<Database> {
  const file = join(import.meta.dirname, 'postgres-process.ts');
  const child = spawn(process.execPath, [file, ...(fsync ? [] : ['--no-fsync'])], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A group of its own: an interrupt at the terminal reaches the bench, and its end this one.
    detached: true,
  });
  const exited = once(child, 'exit');
  let port: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    port = line;
    break;
  }
  if (port === undefined) throw new Error('PostgreSQL did not start');

  const urlOf = (name: string) => `postgres://postgres:password@127.0.0.1:${port}/${name}`;
  const admin = urlOf('postgres');
  const [row] = await query<{ server_version: string }>(admin, 'show server_version');
  let made = 0;
  return {
    version: row?.server_version ?? 'unknown',
    query,
    async create() {
      made += 1;
      await query(admin, `create database bench_${made}`);
      return urlOf(`bench_${made}`);
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}

async function query<Row extends pg.QueryResultRow>(
  url: string,
  statement: string,
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}
