import { existsSync } from 'node:fs';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Database,
  type DatabaseLog,
  type DatabaseOptions,
  openDatabase,
} from '../../src/db/database.ts';
import { Secret } from '../../src/kit/secret.ts';
import { createTestDatabase } from './postgres.ts';
import { runDirectory } from './run-directory.ts';

/** A log that keeps what it is told. */
export interface RecordedLog extends DatabaseLog {
  readonly lines: { level: 'info' | 'warn' | 'error'; fields: object; message: string }[];
}

/** A log for tests to read. */
export function recordedLog(): RecordedLog {
  const lines: RecordedLog['lines'] = [];
  const at = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  // What is said at debug is for nobody's eyes by default.
  return { lines, debug() {}, info: at('info'), warn: at('warn'), error: at('error') };
}

/** A place for one database, for tests that start the server as a process, or open it twice. */
export interface Storage {
  /** What `DATABASE_URL` would say; undefined for the embedded database. */
  readonly url: string | undefined;
  readonly dataDir: string;
  /** Removes it all. */
  drop(): Promise<void>;
}

/** An open, empty database; `close` also removes it. */
export interface OpenDatabase extends Database {
  readonly log: RecordedLog;
}

/** One kind of database, for `describe.each(DRIVERS)('… on $name', ({ open }) => …)`. */
export interface TestDriver {
  readonly name: string;
  readonly kind: Database['kind'];
  readonly create: () => Promise<Storage>;
  readonly open: (options?: Partial<DatabaseOptions>) => Promise<OpenDatabase>;
}

/** Both kinds: what holds on one must hold on the other. */
export const DRIVERS: readonly TestDriver[] = [
  { name: 'PostgreSQL', kind: 'postgres', create: createPostgres, open: opener(createPostgres) },
  { name: 'PGlite', kind: 'embedded', create: createEmbedded, open: opener(createEmbedded) },
];

/** Opens a database in a place. */
export function openStorage(
  storage: Storage,
  options: Partial<DatabaseOptions> = {},
): Promise<Database> {
  const url = storage.url === undefined ? undefined : new Secret(storage.url);
  const { dataDir } = storage;
  return openDatabase({ url, dataDir, prepared: true, log: recordedLog(), ...options });
}

function opener(create: () => Promise<Storage>) {
  return async (options: Partial<DatabaseOptions> = {}): Promise<OpenDatabase> => {
    const storage = await create();
    const log = recordedLog();
    const database = await openStorage(storage, { log, ...options });
    return {
      ...database,
      log,
      async close() {
        await database.close();
        await storage.drop();
      },
    };
  };
}

async function createPostgres(): Promise<Storage> {
  const [{ url, drop }, directory] = await Promise.all([createTestDatabase(), newDirectory()]);
  return {
    url,
    dataDir: join(directory, 'data'),
    async drop() {
      await drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function createEmbedded(): Promise<Storage> {
  const directory = await newDirectory();
  const dataDir = join(directory, 'data');
  await cp(join(await template(), 'pglite'), join(dataDir, 'pglite'), { recursive: true });
  return {
    url: undefined,
    dataDir,
    drop: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A directory of its own in the run's, which goes with the run. */
export const newDirectory = (): Promise<string> => mkdtemp(join(runDirectory(), 'data-'));

/** An embedded database's directory as first made, which takes seconds: made once, then copied. */
async function template(): Promise<string> {
  const path = join(runDirectory(), 'template');
  if (existsSync(path)) return path;
  const fresh = await newDirectory();
  const database = await openDatabase({
    url: undefined,
    dataDir: fresh,
    prepared: true,
    log: recordedLog(),
  });
  await database.close();
  // Another process may have been quicker; then its template serves.
  await rename(fresh, path).catch(() => rm(fresh, { recursive: true, force: true }));
  return path;
}
