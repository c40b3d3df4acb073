import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, test } from 'vitest';
import { BAD_CONFIGURATION, describeFailure, FAILED } from '../../src/control/failure.ts';
import { refuseToRoot, troubleOfOpening } from '../../src/db/embedded-directory.ts';
import { openHighWaterMark } from '../../src/issuer/keys/high-water.ts';
import type { Logger } from '../../src/kit/log.ts';
import { inDirectory } from '../../src/kit/make-directory.ts';
import { recordedLog } from '../support/databases.ts';
import { ownDirectory } from '../support/run-directory.ts';
import { embeddedDriver } from '../support/verifiers/command-site.ts';

const src = (path: string) => JSON.stringify(join(import.meta.dirname, '../../src', path));

/** Root may do everything, so that somebody else has to be refused. */
const ROOT = process.getuid?.() === 0;
const SOMEBODY = 65534;

/** Opens the database or the mark in DATA_DIR, and prints what a command would answer. */
const OPEN = `
  const [what, dataDir] = process.argv.slice(1);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  try {
    if (what === 'database') {
      const { openDatabase } = await import(${src('db/database.ts')});
      await (await openDatabase({ dataDir, log })).close();
    } else {
      const { openHighWaterMark } = await import(${src('issuer/keys/high-water.ts')});
      await openHighWaterMark(dataDir, log);
    }
    console.log('{}');
  } catch (error) {
    const { describeFailure } = await import(${src('control/failure.ts')});
    console.log(JSON.stringify(describeFailure(error)));
  }`;

let parent: string;
let dataDir: string;
beforeEach(async () => {
  parent = ownDirectory();
  dataDir = join(parent, 'data');
  await chmod(parent, 0o755);
  await mkdir(dataDir);
  if (ROOT) await chown(dataDir, SOMEBODY, SOMEBODY);
  return () => rm(parent, { recursive: true });
});

async function open(what: 'database' | 'mark'): Promise<object> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', OPEN, what, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(ROOT && { uid: SOMEBODY, gid: SOMEBODY }),
  });
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return JSON.parse(said);
}

const unusable = (path: string) => ({
  code: 'directory_unusable',
  detail: expect.stringMatching(
    new RegExp(`^DATA_DIR: .*${path}.* to the user that Keyturn runs as\\.$`),
  ),
  status: BAD_CONFIGURATION,
});

describe('a DATA_DIR that is not all this user’s is no fault of Keyturn’s, and which file is said', () => {
  test('the directory itself', async () => {
    await chmod(dataDir, 0o555);
    expect(await open('database')).toEqual(unusable(dataDir));
    await chmod(dataDir, 0o755);
  });

  test('its lock', async () => {
    await writeFile(join(dataDir, 'lock'), '{}', { mode: 0 });
    expect(await open('database')).toEqual(unusable('data/lock'));
  });

  test('a file of the database', async () => {
    const made = await embeddedDriver().create();
    await cp(made.dataDir, dataDir, { recursive: true });
    await made.drop();
    for (const path of ['.', ...(await readdir(dataDir, { recursive: true }))]) {
      if (ROOT) await chown(join(dataDir, path), SOMEBODY, SOMEBODY);
    }
    await chmod(join(dataDir, 'pglite/global/pg_control'), 0);
    expect(await open('database')).toEqual(unusable('pglite/global/pg_control'));
  });

  test('what it knows of restorations', async () => {
    const file = join(dataDir, 'state-version.json');
    await writeFile(file, '{}', { mode: 0 });
    if (ROOT) await chown(file, 0, 0);
    expect(await open('mark')).toEqual(unusable('state-version.json'));
  });
});

describe('a disk without room', () => {
  const full = (variable: string) => ({
    code: 'disk_full',
    detail: `${variable}: /srv cannot be used: ENOSPC: no space left on device. Make room there.`,
    status: FAILED,
  });

  test('is named, with the setting of the directory', () => {
    const message = 'ENOSPC: no space left on device';
    const error = Object.assign(new Error(message), { code: 'ENOSPC' });
    expect(describeFailure(inDirectory('KEYS_DIR', '/srv', error))).toEqual(full('KEYS_DIR'));
  });

  test('is named where PGlite has a number for it, and no word', async () => {
    const thrown = { name: 'ErrnoError', errno: 51 };
    expect(describeFailure(await troubleOfOpening('/srv', thrown))).toEqual(full('DATA_DIR'));
  });
});

describe('what root does in the directory of another user', () => {
  test('to its database: nothing, and who could is named', async () => {
    const database = join(dataDir, 'pglite');
    await mkdir(database);
    if (ROOT) await chown(database, SOMEBODY, SOMEBODY);
    const { uid } = await stat(database);
    expect(describeFailure(await refuseToRoot(dataDir, 0).catch((error) => error))).toEqual({
      code: 'directory_unusable',
      detail: expect.stringContaining(`Run the command as that user, by: sudo -u '#${uid}'`),
      status: BAD_CONFIGURATION,
    });
    await refuseToRoot(dataDir, uid);
  });

  test('to what is known of restorations: that user can read it', async () => {
    const mark = await openHighWaterMark(dataDir, recordedLog() as unknown as Logger);
    expect(await mark.accept({ instanceId: 'one', version: 1 })).toBe(true);
    const { uid } = await stat(dataDir);
    expect((await stat(join(dataDir, 'state-version.json'))).uid).toBe(uid);
  });
});
