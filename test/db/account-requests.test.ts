import { describe, expect, test } from 'vitest';
import { issuerMigrations } from '../../migrations/issuer/index.ts';
import { migrate } from '../../src/db/migrate.ts';
import { execute } from '../../src/db/statement.ts';
import { registrationsOf } from '../../src/issuer/accounts/request-store.ts';
import { DRIVERS } from '../support/databases.ts';

describe.each(DRIVERS)('the requests that wait on $name', (driver) => {
  test('are found by their address, however many wait', async () => {
    await using database = Object.assign(await driver.open(), {
      [Symbol.asyncDispose]: () => database.close(),
    });
    await migrate(database, 'issuer', issuerMigrations);
    const { db } = database;
    await execute(
      db,
      `INSERT INTO account_requests (id, kind, email, created_at, address, request_id)
       SELECT gen_random_uuid(), 'register', n || '@example.com', now(), '', ''
       FROM generate_series(1, 5000) AS n`,
    );
    await execute(db, 'ANALYZE account_requests');
    expect(await registrationsOf(db, '77@example.com')).toHaveLength(1);
    const { rows } = await execute<{ 'QUERY PLAN': string }>(
      db,
      `EXPLAIN SELECT id FROM account_requests
       WHERE email = '77@example.com' AND kind = 'register' ORDER BY id`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('account_requests_email_idx');
    expect(plan).not.toContain('Seq Scan');
  });
});
