import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench } from '../harness/bench.ts';
import { onServerCore } from '../harness/cores.ts';
import { startHttpProcess } from '../harness/http-process.ts';
import { ARGON2, type Server } from '../harness/server.ts';

/** Where the peers and what they need are installed. */
export const PEERS = join(import.meta.dirname, '../peers');

/** As many connections as Keyturn opens. */
const POOL_SIZE = 10;
/** What signs their cookies. */
const SECRET = 'a secret of the bench, long enough for everybody who asks for one';

/** A file of `peers/`, and what it takes. */
export interface PeerFile {
  readonly file: string;
  /** What answers 200 once it is ready. */
  readonly readyPath: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a peer on the server's core, as `node FILE` would. */
export function startPeer(
  { cores, options }: Bench,
  { file, readyPath, env }: PeerFile,
  databaseUrl: string,
  home: string,
): Promise<Server> {
  return startHttpProcess({
    cores,
    args: [join(PEERS, file)],
    directory: home,
    temporary: false,
    // OpenAuth's own log, a line a request, cannot be turned off.
    log: options.log,
    readyPath,
    env: { ...settings(databaseUrl), ...env },
  });
}

/** Has a peer make its tables, before it is started. */
export async function migratePeer(
  { cores }: Bench,
  { file, env }: PeerFile,
  databaseUrl: string,
): Promise<void> {
  const command = onServerCore(cores, process.execPath, [join(PEERS, file), 'migrate']);
  const options = {
    // Better Auth wants a port for the URL that it thinks it has.
    env: { PATH: process.env.PATH, PORT: '1', ...settings(databaseUrl), ...env },
  };
  await promisify(execFile)(...command, options);
}

function settings(databaseUrl: string): Record<string, string> {
  const { memory, time, parallelism } = ARGON2;
  return {
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    POOL_SIZE: String(POOL_SIZE),
    SECRET,
    ARGON2: `${memory},${time},${parallelism}`,
  };
}
