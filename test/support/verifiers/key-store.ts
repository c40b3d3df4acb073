import pg from 'pg';
import { expect, vi } from 'vitest';
import { execute } from '../../../src/db/statement.ts';
import type { KeyReport } from '../../../src/issuer/keys/report.ts';
import { openStorage, type Storage } from '../databases.ts';
import { WAIT } from '../server-process.ts';

/** Lets an hour pass for the keys of a database that no server has open, if it is the embedded one. */
export async function ageKeys(storage: Pick<Storage, 'url' | 'dataDir'>): Promise<void> {
  const dates = ['published', 'activated', 'retired', 'revoked'].map((what) => `${what}_at`);
  const set = dates.map((date) => `${date} = ${date} - interval '1 hour'`).join(', ');
  const database = await openStorage({ ...storage, drop: async () => {} });
  try {
    await execute(database.db, `update signing_keys set ${set}`);
  } finally {
    await database.close();
  }
}

/** The rows that a query gives. */
export async function rows<Row extends object>(url: string, query: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(query)).rows;
  } finally {
    await client.end();
  }
}

/** Waits until nobody else is connected: what a dead process had begun is done or undone. */
export const untilAlone = (url: string): Promise<unknown> =>
  vi.waitUntil(
    async () =>
      (
        await rows(
          url,
          'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        )
      ).length === 0,
    WAIT,
  );

/** What holds at every moment: one key signs, one waits, and none that there was is lost. */
export function expectWhole(now: KeyReport, before: KeyReport): void {
  const inState = (state: string) => now.keys.filter((key) => key.state === state);
  expect(inState('active').map(({ kid }) => kid)).toEqual([now.active]);
  expect(inState('next').map(({ kid }) => kid)).toEqual([now.next]);
  const kids = now.keys.map(({ kid }) => kid);
  expect(kids).toEqual(expect.arrayContaining(before.keys.map(({ kid }) => kid)));
  expect(
    inState('active').length + inState('next').length + inState('retiring').length,
  ).toBeLessThan(6);
}
