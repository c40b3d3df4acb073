import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { DatabaseBusyError, lockDirectory, lockHolder } from '../../src/db/directory-lock.ts';
import { execute } from '../../src/db/statement.ts';
import { DRIVERS, newDirectory, openStorage, type Storage } from '../support/databases.ts';

const src = (path: string) => JSON.stringify(join(import.meta.dirname, '../../src', path));

/** Opens the database, or only takes the lock, says so, and holds it until its input ends. */
const HOLD = `
  const [what, dataDir] = process.argv.slice(1);
  const silent = () => {};
  const log = { info: silent, warn: silent, error: silent };
  try {
    const held = what === 'database'
      ? await (await import(${src('db/database.ts')})).openDatabase({ dataDir, log })
      : await (await import(${src('db/directory-lock.ts')})).lockDirectory(dataDir);
    if (what === 'database') await held.db.executeQuery({ ...insert(), parameters: [] });
    console.log('held');
    process.stdin.resume().on('end', () => (held.close ?? held.release)());
  } catch (error) {
    console.log(error.name + ': ' + error.message);
  }
  function insert() {
    const sql = 'create table if not exists opened (n int); insert into opened values (1)';
    return { sql, query: { kind: 'RawNode' }, queryId: { queryId: '1' } };
  }`;

function hold(what: 'database' | 'lock', dataDir: string): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-e', HOLD, what, dataDir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => kill(child));
  return child;
}

async function says(child: ChildProcess): Promise<string | undefined> {
  if (child.stdout) for await (const line of createInterface({ input: child.stdout })) return line;
  return undefined;
}

/** Kills -9 and waits until it is gone. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function finish(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.stdin?.end();
  await exited;
}

/** A process id that was in use and is no more. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('the embedded database', () => {
  let storage: Storage;
  beforeEach(async () => {
    const driver = DRIVERS.find(({ kind }) => kind === 'embedded');
    storage = (await driver?.create()) as Storage;
    return () => storage.drop();
  });

  test('is refused to a second process, which is told what to do', async () => {
    const first = hold('database', storage.dataDir);
    expect(await says(first)).toBe('held');
    const refused = await openStorage(storage).catch((error) => error);
    expect(refused).toBeInstanceOf(DatabaseBusyError);
    expect(refused.pid).toBe(first.pid);
    expect(refused.message).toContain(`${first.pid}`);
    expect(refused.message).toContain(storage.dataDir);
    expect(refused.message).toContain('DATA_DIR');
    await finish(first);
    const database = await openStorage(storage);
    expect((await execute(database.db, 'select n from opened')).rows).toEqual([{ n: 1 }]);
    await expect(openStorage(storage)).rejects.toThrow(`process ${process.pid}`);
    await database.close();
    expect(await readdir(storage.dataDir)).toEqual(['pglite']);
  });

  test('survives a killed process with what it had acknowledged', async () => {
    for (const round of [1, 2, 3]) {
      const child = hold('database', storage.dataDir);
      expect(await says(child)).toBe('held');
      await kill(child);
      const database = await openStorage(storage);
      const { rows } = await execute(database.db, 'select count(*)::int as n from opened');
      expect(rows).toEqual([{ n: round }]);
      await database.close();
    }
  });

  test('is for its owner alone, whoever made DATA_DIR, and from the first moment', async () => {
    const dataDir = await newDirectory();
    const database = join(dataDir, 'pglite');
    await chmod(dataDir, 0o755);
    await (await openStorage({ ...storage, dataDir })).close();
    expect((await stat(database)).mode & 0o777).toBe(0o700);
    await chmod(database, 0o755);
    await (await openStorage({ ...storage, dataDir })).close();
    expect((await stat(database)).mode & 0o777).toBe(0o700);
  });

  test('lets go of the directory when it cannot be opened', async () => {
    const broken = join(storage.dataDir, 'pglite', 'global', 'pg_control');
    await writeFile(broken, 'nonsense');
    await expect(openStorage(storage)).rejects.toThrow();
    expect(await lockHolder(storage.dataDir)).toBeUndefined();
  });
});

describe('the first start', () => {
  /** What the directory shows at ever later moments of a first start. */
  const MOMENTS: readonly [string, (paths: readonly string[]) => boolean][] = [
    ['it is locked', (paths) => paths.includes('lock')],
    ['the new directory is begun', (paths) => paths.some((path) => path.startsWith('pglite.new-'))],
    [
      'its settings are written',
      (paths) => paths.some((path) => path.endsWith('/postgresql.conf')),
    ],
    ['its tables are begun', (paths) => paths.some((path) => path.includes('/base/1/'))],
    ['its databases are begun', (paths) => paths.some((path) => path.includes('/base/5/'))],
    ['it is renamed', (paths) => paths.includes('pglite')],
    ['the database is opened', (paths) => paths.includes('pglite/postmaster.pid')],
  ];

  test('may be killed at any moment', async () => {
    const directory = await newDirectory();
    const reached = new Set<string>();
    for (let starts = 0; reached.size < MOMENTS.length; starts++) {
      const [moment, shows] = MOMENTS[reached.size] ?? expect.fail();
      const dataDir = join(directory, String(starts));
      const child = hold('database', dataDir);
      const exited = once(child, 'exit');
      let over = false;
      const answer = says(child).then(() => {
        over = true;
      });
      while (!over) {
        const paths = await readdir(dataDir, { recursive: true }).catch(() => undefined);
        if (paths && shows(paths)) break;
        await setTimeout(2);
      }
      // Seen too late by a process that had no turn in between, or never: another start shows it.
      if (!over) reached.add(moment);
      expect(starts, moment).toBeLessThan(5 * MOMENTS.length);
      child.kill('SIGKILL');
      await Promise.all([answer, exited]);
      const database = await openStorage({ url: undefined, dataDir, drop: async () => {} });
      await execute(database.db, 'create table if not exists opened (n int)');
      await database.close();
      expect(await readdir(dataDir)).toEqual(['pglite']);
      expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
      await rm(dataDir, { recursive: true });
    }
  });
});

describe('the lock on the data directory', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await newDirectory();
  });
  const leave = (claim: object | string) =>
    writeFile(join(dataDir, 'lock'), typeof claim === 'string' ? claim : JSON.stringify(claim));

  test('goes to one of many processes that find a dead one', async () => {
    await leave({ pid: await deadPid(), id: 'dead' });
    const children = Array.from({ length: 8 }, () => hold('lock', dataDir));
    const answers = await Promise.all(children.map(says));
    expect(answers.filter((answer) => answer === 'held')).toHaveLength(1);
    const winner = children[answers.indexOf('held')] as ChildProcess;
    expect((await lockHolder(dataDir))?.pid).toBe(winner.pid);
    await finish(winner);
    expect(await readdir(dataDir)).toEqual([]);
  });

  test('goes to one of many, however their steps fall together', async () => {
    const pid = await deadPid();
    for (let round = 0; round < 40; round++) {
      await leave({ pid, id: `dead-${round}` });
      // A predecessor that died while it took over from the first.
      if (round % 2)
        await writeFile(join(dataDir, `lock.after-dead-${round}`), `{"pid":${pid},"id":"x"}`);
      const attempts = await Promise.allSettled(
        Array.from({ length: 12 }, () => lockDirectory(dataDir)),
      );
      const [won, ...more] = attempts.filter((one) => one.status === 'fulfilled');
      expect(more).toEqual([]);
      for (const one of attempts) {
        if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(DatabaseBusyError);
      }
      await won?.value.release();
      expect(won).toBeDefined();
    }
    expect(await readdir(dataDir)).toEqual([]);
  });

  test('of a process is not that of a later one with the same id', async () => {
    await leave({ pid: process.pid, id: 'earlier', started: 'boot:1' });
    const lock = await lockDirectory(dataDir);
    await expect(lockDirectory(dataDir)).rejects.toBeInstanceOf(DatabaseBusyError);
    await lock.release();
  });

  test('is not taken from a process whose start nobody knows', async () => {
    await leave({ pid: process.pid, id: 'unknown' });
    await expect(lockDirectory(dataDir)).rejects.toBeInstanceOf(DatabaseBusyError);
  });

  test('that lost its text is taken', async () => {
    await leave('');
    const lock = await lockDirectory(dataDir);
    expect(await lockHolder(dataDir)).toMatchObject({ pid: process.pid });
    await lock.release();
  });

  test('says where its holder listens', async () => {
    const lock = await lockDirectory(dataDir);
    await lock.announce('/somewhere/control.sock');
    expect(await lockHolder(dataDir)).toMatchObject({
      pid: process.pid,
      socket: '/somewhere/control.sock',
    });
    expect((await stat(join(dataDir, 'lock'))).mode & 0o777).toBe(0o600);
    await lock.release();
    expect(await lockHolder(dataDir)).toBeUndefined();
    expect(await readdir(dataDir)).toEqual([]);
  });

  test('leaves what is not its own alone', async () => {
    const lock = await lockDirectory(dataDir);
    await leave({ pid: 1, id: 'another' });
    await mkdir(join(dataDir, 'mail'));
    await lock.release();
    expect(JSON.parse(await readFile(join(dataDir, 'lock'), 'utf8'))).toMatchObject({ pid: 1 });
  });
});
