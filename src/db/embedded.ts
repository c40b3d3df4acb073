import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { Kysely } from 'kysely';
import { seconds } from '../kit/duration.ts';
import { unavailableError } from '../kit/errors.ts';
import { inDirectory, makeDirectory } from '../kit/make-directory.ts';
import type { Trace } from '../kit/trace.ts';
import type { Database, DatabaseLog } from './database.ts';
import { lockDirectory } from './directory-lock.ts';
import { DIRECTORY, exists, troubleOfOpening } from './embedded-directory.ts';
import { nestingGuard } from './nesting.ts';
import { pgliteDialect } from './pglite-dialect.ts';
import { execute, setSharing } from './statement.ts';
import { statementLog } from './statement-log.ts';
import { turnstile } from './turnstile.ts';

/** As long as a statement on PostgreSQL would wait for a connection and run. */
const WAIT = seconds(5);

const BYTEA = 17;
const INT8 = 20;

/** bytea and int8 as `pg` gives them. */
const PARSERS = {
  [BYTEA]: (text: string) => Buffer.from(text.slice(2), 'hex'),
  [INT8]: (text: string) => text,
};

/**
 * The embedded database under `dataDir`, which is made (0700) and locked. Throws
 * `DatabaseBusyError` when another process holds it, `UnusableDirectory` where rights or room are
 * lacking.
 */
export async function openEmbedded(options: {
  readonly dataDir: string;
  readonly log: DatabaseLog;
  readonly trace?: Trace | undefined;
}): Promise<Database> {
  const { dataDir, log, trace } = options;
  await makeDirectory('DATA_DIR', dataDir);
  const lock = await lockDirectory(dataDir).catch((error) => {
    throw inDirectory('DATA_DIR', dataDir, error);
  });
  const pglite = await openDirectory(dataDir, log).catch(async (error) => {
    await lock.release();
    throw await troubleOfOpening(dataDir, error);
  });
  const guard = nestingGuard();
  const turn = turnstile(WAIT, () =>
    unavailableError('The database is not available at the moment.', 1),
  );
  const dialect = pgliteDialect({ pglite, turnstile: turn, beforeConnect: guard.check });
  const kysely = new Kysely<object>({ dialect, ...statementLog(trace) });
  setSharing(kysely, { check: guard.check, log });
  const transaction: Database['transaction'] = (work) =>
    kysely.transaction().execute((tx) => guard.run(() => work(tx)));
  let closed: Promise<void> | undefined;

  return {
    kind: 'embedded',
    db: kysely,
    log,
    lock,
    transaction,
    patientTransaction: transaction,
    async notify() {},
    listen: () => ({ async stop() {} }),
    async time() {
      const { rows } = await execute<{ time: Date }>(kysely, 'select clock_timestamp() as time');
      if (!rows[0]) throw new Error('the database did not say its time');
      return rows[0].time;
    },
    async ping() {
      await execute(kysely, 'select 1');
    },
    close() {
      closed ??= (async () => {
        await turn.shut();
        await pglite.close();
        await lock.release();
      })();
      return closed;
    },
    stats: () => ({ connections: 1, idle: turn.taken ? 0 : 1, waiting: turn.waiting }),
  };
}

/**
 * PGlite writes a new directory step by step, and one that was cut off half-way opens no more:
 * so it is made beside and then renamed. The caller holds the lock, so what lies beside is dead.
 */
async function openDirectory(dataDir: string, log: DatabaseLog): Promise<PGlite> {
  const path = join(dataDir, DIRECTORY);
  for (const name of await readdir(dataDir)) {
    if (name.startsWith('pglite.new-')) await rm(join(dataDir, name), { recursive: true });
  }
  if (!(await exists(path))) {
    const beside = join(dataDir, `pglite.new-${process.pid}`);
    await mkdir(beside, { mode: 0o700 });
    const fresh = await PGlite.create(beside);
    await fresh.close();
    await rename(beside, path);
  }
  await closeToOthers(path, log);
  return await PGlite.create(path, { parsers: PARSERS });
}

/** PGlite lets everybody read and write what it makes, and DATA_DIR may be somebody else's work. */
async function closeToOthers(path: string, log: DatabaseLog): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  try {
    await chmod(path, 0o700);
  } catch (err) {
    log.warn({ err }, `others can read the database; its owner mends it with: chmod 700 ${path}`);
  }
}
