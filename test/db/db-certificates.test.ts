import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { execute } from '../../src/db/statement.ts';
import { Secret } from '../../src/kit/secret.ts';
import { breakablePostgres, caught, heard, UNAVAILABLE } from '../support/breakable-postgres.ts';
import { newDirectory } from '../support/databases.ts';

const { open, url } = breakablePostgres();
const WAIT = { timeout: 60_000 };

test('a certificate that cannot be read for a moment is an outage, and no more', async () => {
  const file = join(await newDirectory(), 'root.crt');
  const away = `${file}.away`;
  writeFileSync(file, '');
  const certified = new Secret(`${url()}?sslmode=disable&sslrootcert=${encodeURIComponent(file)}`);
  const database = await open(undefined, { url: certified, poolSize: 1 });
  const other = await open();
  let notified = 0;
  const listening = database.listen('news', () => notified++);
  onTestFinished(() => listening.stop());
  await expect.poll(() => notified, WAIT).toBe(1);

  const holding = Promise.withResolvers<void>();
  const taken = Promise.withResolvers<void>();
  const held = caught(
    database.transaction(async (tx) => {
      await execute(tx, 'select 1');
      taken.resolve();
      await holding.promise;
      await execute(tx, 'select 1');
    }),
  );
  await taken.promise;
  // Whoever waits for a connection is given one by the pool itself, when the broken one comes back.
  const waiting = heard(caught(database.ping()));
  expect(database.stats().waiting).toBe(1);
  renameSync(file, away);
  await execute(
    other.db,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  holding.resolve();
  expect(await held).toMatchObject(UNAVAILABLE);
  expect(await waiting).toMatchObject(UNAVAILABLE);
  expect(await heard(caught(database.ping()))).toMatchObject(UNAVAILABLE);
  // The listener has tried, and been told of nothing worse.
  await expect
    .poll(() => database.log.lines, WAIT)
    .toContainEqual({
      level: 'info',
      fields: { reason: expect.stringMatching(/ENOENT/) },
      message: 'database notifications are away; polling goes on',
    });

  renameSync(away, file);
  await expect.poll(() => database.ping().then(() => 'back', String), WAIT).toBe('back');
  const before = notified;
  await expect
    .poll(async () => {
      await other.notify('news');
      return notified;
    }, WAIT)
    .toBeGreaterThan(before);
});
