import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import pg from 'pg';
import { runDirectory, startRun } from './run-directory.ts';

const DOOR = 'postgres.sock';

/**
 * Vitest's globalSetup: one PostgreSQL for the whole run, started when a test first asks for it
 * through a socket in the run's directory. Returns the teardown.
 */
export function setup(): () => Promise<void> {
  const directory = startRun();
  let server: ReturnType<typeof startServer> | undefined;
  const door = createServer((visitor) => {
    server ??= startServer();
    visitor.on('error', () => {});
    server.url.then(
      (url) => visitor.end(`${url}\n`),
      (error) => visitor.end(`${error}\n`),
    );
  });
  door.listen(join(directory, DOOR));
  door.unref();
  return async () => {
    door.close();
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  };
}

/** A database of its own on the run's server, or on the one that `TEST_DATABASE_URL` names. */
export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** Makes a fresh, empty database. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `keyturn_${randomBytes(6).toString('hex')}`;
  await administer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => administer(server, `drop database if exists ${name} with (force)`),
  };
}

/** Runs one statement as the server's owner, in the database that `url` names. */
export async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

let known: Promise<string> | undefined;

/** The URL of the server's own database. */
export function serverUrl(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL;
  const door = join(runDirectory(), DOOR);
  known ??= given ? Promise.resolve(given) : existsSync(door) ? ask(door) : startServer().url;
  return known;
}

async function ask(door: string): Promise<string> {
  const answer = await firstLine(connect(door));
  if (!answer?.startsWith('postgres://')) throw new Error(`no PostgreSQL for the tests: ${answer}`);
  return answer;
}

/** Starts the server's process, which lives until `stop`, or until this process ends. */
function startServer(): { url: Promise<string>; stop(): Promise<void> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'postgres-server.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A group of its own: an interrupt at the terminal reaches the tests, which then end it.
    detached: true,
  });
  const exited = once(child, 'exit');
  const url = firstLine(child.stdout).then((line) => {
    if (!line) throw new Error('PostgreSQL for the tests did not start');
    child.unref();
    for (const end of [child.stdin, child.stdout]) (end as { unref?(): void }).unref?.();
    return line;
  });
  return {
    url,
    async stop() {
      await url.catch(() => {});
      child.ref();
      child.stdin.end();
      await exited;
    },
  };
}

async function firstLine(stream: Readable): Promise<string | undefined> {
  for await (const line of createInterface({ input: stream })) return line;
  return undefined;
}
