import type { Database } from './database.ts';
import { execute } from './statement.ts';

/** The oldest PostgreSQL that is supported, as `server_version_num` counts. */
const OLDEST = 150_000;

/** What each setting protects, said when it is off. */
const SAFETY = {
  fsync: 'a crash of its machine can destroy the whole database',
  full_page_writes: 'a crash of its machine can destroy the whole database',
  synchronous_commit: 'a crash loses what was acknowledged: a consumed refresh token revives',
} as const;

/** The server is too old to work with. */
export class DatabaseTooOldError extends Error {
  override readonly name = 'DatabaseTooOldError';

  constructor(version: string) {
    super(`DATABASE_URL leads to PostgreSQL ${version}: Keyturn needs PostgreSQL 15 or newer.`);
  }
}

/**
 * Looks whether a server will do, and warns where it may lose what it has acknowledged. The
 * embedded database needs no looking at.
 * @throws DatabaseTooOldError before PostgreSQL 15
 */
export async function checkServer(database: Database): Promise<void> {
  if (database.kind === 'embedded') return;
  const { rows } = await execute<Record<keyof typeof SAFETY | 'version' | 'number', string>>(
    database.db,
    `select current_setting('server_version') as version,
            current_setting('server_version_num') as number,
            current_setting('fsync') as fsync,
            current_setting('full_page_writes') as full_page_writes,
            current_setting('synchronous_commit') as synchronous_commit`,
  );
  const server = rows[0];
  if (!server) throw new Error('the server did not say its settings');
  if (Number(server.number) < OLDEST) throw new DatabaseTooOldError(server.version);
  for (const [setting, danger] of Object.entries(SAFETY)) {
    if (server[setting as keyof typeof SAFETY] !== 'off') continue;
    database.log.warn({ setting }, `PostgreSQL runs with ${setting} off: ${danger}`);
  }
}
