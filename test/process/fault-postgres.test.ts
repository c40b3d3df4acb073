import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { newDirectory } from '../support/databases.ts';
import { type Load, startLoad, type Tally } from '../support/fault-load.ts';
import { reportFault } from '../support/fault-report.ts';
import { type OwnPostgres, ownPostgres } from '../support/own-postgres.ts';
import { administer } from '../support/postgres.ts';
import { PATIENCE, type Site, siteOn, startServer } from '../support/server-process.ts';
import { LONG } from '../support/thorough.ts';

const STOPS = LONG ? 20 : 2;
const FAILOVERS = LONG ? 10 : 2;
/** The same process serves again by then, says the contract. */
const RECOVERED = 10_000;

let postgres: OwnPostgres;
let site: Site;
beforeAll(async () => {
  postgres = await ownPostgres();
  const dataDir = join(await newDirectory(), 'data');
  site = await siteOn({ url: postgres.url, dataDir }, { REFRESH_REPLAY_WINDOW: '1h' });
});

/** Has clients work with one server process while something happens to its database. */
async function underLoad(url: string, faults: (load: Load) => Promise<void>): Promise<Tally> {
  const server = await startServer({ ...site, env: { ...site.env, DATABASE_URL: url } });
  const load = await startLoad(await server.ready());
  await load.recovered();
  await faults(load);
  const tally = await load.finish();
  const { status, stderr } = await server.stop('SIGINT');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  // Or else nobody noticed, and nothing was tried.
  expect(tally.unanswered).toBeGreaterThan(0);
  return tally;
}

test('PostgreSQL is stopped, killed and started again', { timeout: PATIENCE }, async () => {
  let recovery = 0;
  const { acknowledged } = await underLoad(postgres.url, async (load) => {
    for (let round = 1; round <= STOPS; round++) {
      await postgres.stop(round % 2 === 1 ? 'fast' : 'kill');
      await load.hurt();
      await postgres.start();
      recovery = Math.max(recovery, await load.recovered());
    }
  });
  expect(recovery).toBeLessThan(RECOVERED);
  const fault = 'PostgreSQL stopped or killed (-9), and started again';
  reportFault({ fault, times: STOPS, acknowledged, recovery });
});

test('the disk of PostgreSQL is full', { timeout: PATIENCE }, async () => {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  onTestFinished(() => client.end());
  let recovery = 0;
  const { acknowledged } = await underLoad(postgres.url, async (load) => {
    const full = await fillDisk(client, postgres.dataDir);
    await load.hurt();
    await full.free();
    recovery = await load.recovered();
  });
  expect(recovery).toBeLessThan(RECOVERED);
  reportFault({ fault: "PostgreSQL's disk full", times: 1, acknowledged, recovery });
});

/**
 * Makes every row that is written need a page on a disk that is full: a table whose file is
 * `/dev/full`, which a trigger writes to.
 */
async function fillDisk(client: pg.Client, dataDir: string) {
  const written = ['users', 'sessions', 'todos'];
  await client.query('create table ballast (n int)');
  const { rows } = await client.query(`select pg_relation_filepath('ballast') as path`);
  const path = join(dataDir, rows[0].path);
  await rm(path);
  await symlink('/dev/full', path);
  await client.query(
    `create function fill() returns trigger language plpgsql as
       $$ begin insert into ballast values (1); return new; end $$`,
  );
  for (const table of written) {
    await client.query(
      `create trigger fill before insert or update on ${table} for each row execute function fill()`,
    );
  }
  const other = administer(postgres.url, 'insert into ballast values (1)');
  await expect(other).rejects.toMatchObject({ code: '53100' });
  return {
    free: () => client.query('drop function fill() cascade; drop table ballast'),
  };
}

test('the primary becomes read-only or dies, and its standby is promoted', {
  timeout: PATIENCE,
}, async () => {
  let primary = postgres;
  let standby = await primary.standby();
  const url = primary.url.replace(/(?=\/postgres$)/, `,127.0.0.1:${standby.port}`);
  let recovery = 0;
  const { acknowledged } = await underLoad(url, async (load) => {
    for (let round = 1; round <= FAILOVERS; round++) {
      if (round % 2 === 1) {
        await administer(primary.url, 'alter system set default_transaction_read_only = on');
        await administer(primary.url, 'select pg_reload_conf()');
      } else await primary.stop('kill');
      await load.hurt();
      await administer(standby.url, 'select pg_promote()');
      recovery = Math.max(recovery, await load.recovered());
      await primary.stop('kill');
      [primary, standby] = [standby, await standby.standby(primary.port)];
    }
  });
  expect(recovery).toBeLessThan(RECOVERED);
  const fault = 'primary read-only or killed, its standby promoted';
  reportFault({ fault, times: FAILOVERS, acknowledged, recovery });
});
