import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { vi } from 'vitest';
import { freePort } from './free-port.ts';
import { administer } from './postgres.ts';
import { ownDirectory } from './run-directory.ts';
import { WAIT } from './server-process.ts';

const run = promisify(execFile);

/** A PostgreSQL that comes with `pg_dump`, `pg_restore` and `psql` of its own version. */
export interface ToolServer {
  /** Where the tools are. */
  readonly bin: string;
  /** Makes an empty database. @returns its URL */
  createDatabase(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Where Debian, Fedora and Homebrew put whole installations. */
const HOMES = ['/usr/lib/postgresql', '/usr', '/opt/homebrew/opt', '/usr/local/opt'];

/**
 * Starts this machine's own PostgreSQL 15 or newer, since npm's brings no tools.
 * @returns undefined where none is installed
 */
export async function startToolServer(): Promise<ToolServer | undefined> {
  const bin = await findInstallation();
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? await postgresUser() : undefined;
  if (!bin || (isRoot && !user)) return undefined;
  const directory = ownDirectory();
  if (user) await chown(directory, user.uid, user.gid);
  const as = { ...user, cwd: directory, env: { LC_ALL: 'C', PATH: process.env.PATH } };
  const data = join(directory, 'data');
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], as);
  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off' };
  const flags = Object.entries({ ...settings, port }).flatMap(([k, v]) => ['-c', `${k}=${v}`]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...flags], { ...as, stdio: 'ignore' });
  process.once('exit', () => server.kill('SIGQUIT'));
  const url = (name: string) => `postgres://postgres@127.0.0.1:${port}/${name}`;
  await vi.waitUntil(() => answers(url('postgres')), WAIT);
  return {
    bin,
    async createDatabase(name) {
      await administer(url('postgres'), `create database ${name}`);
      return url(name);
    },
    async stop() {
      const exited = once(server, 'exit');
      server.kill('SIGQUIT');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  return client.connect().then(
    () => client.end().then(() => true),
    () => false,
  );
}

async function findInstallation(): Promise<string | undefined> {
  const majorOf = async (path: string) => {
    const said = await run(path, ['--version']).catch(() => undefined);
    return Number(/ (\d+)/.exec(said?.stdout ?? '')?.[1] ?? 0);
  };
  for (const home of HOMES) {
    const names = await readdir(home).catch(() => []);
    for (const bin of ['', ...names.sort().reverse()].map((name) => join(home, name, 'bin'))) {
      const major = await majorOf(join(bin, 'initdb'));
      if (major >= 15 && (await majorOf(join(bin, 'pg_dump'))) === major) return bin;
    }
  }
  return undefined;
}

/** Whom root lets run the server; PostgreSQL refuses to run as root. */
async function postgresUser(): Promise<{ uid: number; gid: number } | undefined> {
  const users = await readFile('/etc/passwd', 'utf8');
  const [, uid, gid] = /^postgres:[^:]*:(\d+):(\d+):/m.exec(users) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
