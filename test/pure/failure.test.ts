import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  BAD_CONFIGURATION,
  describeFailure,
  FAILED,
  PrivateListenerError,
  TRY_AGAIN,
} from '../../src/control/failure.ts';
import { databaseAway } from '../../src/db/errors.ts';
import { faultOfMaking, makeDirectory } from '../../src/kit/make-directory.ts';
import { runDirectory } from '../support/run-directory.ts';

const systemError = (message: string, code: string, syscall: string) =>
  Object.assign(new Error(message), { code, syscall });

describe('what an operator is told of a system error', () => {
  test.each([
    ['EADDRINUSE', 'another Keyturn perhaps: stop it, or set PORT to another'],
    ['EACCES', 'Set HOST and PORT'],
  ])('%s when listening: which variables mend it', (code, advice) => {
    const { detail, status } = describeFailure(systemError(`listen ${code}`, code, 'listen'));
    expect(detail).toContain(advice);
    expect(status).toBe(FAILED);
  });

  test.each([
    ['ENOTFOUND', 'getaddrinfo'],
    ['EADDRNOTAVAIL', 'listen'],
    ['EADDRNOTAVAIL', 'bind'],
    ['EAFNOSUPPORT', 'listen'],
    ['EINVAL', 'listen'],
  ])('%s of %s, for no address of this machine: the configuration is bad', (code, syscall) => {
    const unusable = systemError(`${syscall} ${code} nope`, code, syscall);
    expect(describeFailure(unusable)).toMatchObject({
      detail: expect.stringMatching(/^HOST: .*nope\. .*such as 127\.0\.0\.1\.$/),
      status: BAD_CONFIGURATION,
    });
    expect(describeFailure(new PrivateListenerError(unusable))).toMatchObject({
      detail: expect.stringMatching(/^ADMIN_HOST: /),
      status: BAD_CONFIGURATION,
    });
  });

  test('a socket for commands that cannot be made is no fault of HOST', async () => {
    const path = join(runDirectory(), 'x'.repeat(200));
    const server = createServer().listen(path);
    const [error] = await once(server, 'error');
    expect(describeFailure(error)).toEqual({
      code: 'control_socket_unusable',
      detail: expect.stringMatching(/^Commands cannot be taken: listen E.* Set DATA_DIR or TMPDIR/),
      status: FAILED,
    });
  });

  test('a table that is not there: which', () => {
    const message = 'relation "signing_keys" does not exist';
    const failure = describeFailure(Object.assign(new Error(message), { code: '42P01' }));
    expect(failure).toMatchObject({
      code: 'database_not_set_up',
      detail: expect.stringContaining(
        `(${message}). Start the server once, or run: keyturn migrate`,
      ),
    });
  });

  test('EACCES of a file: the path, and nothing about listening', () => {
    const message = "EACCES: permission denied, mkdir '/srv/data'";
    const failure = describeFailure(systemError(message, 'EACCES', 'mkdir'));
    expect(failure).toEqual({ code: 'failed', detail: message, status: FAILED });
  });
});

describe('what an operator is told of a database that is away', () => {
  const away = (cause: object) => describeFailure(databaseAway(cause));
  const refused = (message: string, code?: string) =>
    away(Object.assign(new Error(message), { code }));

  test.each([
    ['password authentication failed for user "x"', '28P01'],
    ['database "x" does not exist', '3D000'],
    ['The server does not support SSL connections', undefined],
    ['self-signed certificate in certificate chain', 'SELF_SIGNED_CERT_IN_CHAIN'],
  ])('%s: DATABASE_URL is wrong', (message, code) => {
    expect(refused(message, code)).toEqual({
      code: 'database_refused',
      detail: `PostgreSQL lets nobody in by this DATABASE_URL: ${message}`,
      status: BAD_CONFIGURATION,
    });
  });

  test('anything else: to be tried again, and why', () => {
    const unreachable = systemError('connect ECONNREFUSED 127.0.0.1:1', 'ECONNREFUSED', 'connect');
    expect(away(unreachable)).toMatchObject({
      detail: expect.stringContaining('(connect ECONNREFUSED 127.0.0.1:1)'),
      status: TRY_AGAIN,
    });
  });
});

describe('a directory that a setting names', () => {
  test('is made with those above it, once', async () => {
    const top = join(runDirectory(), `made-${process.pid}`);
    expect(await faultOfMaking(join(top, 'a/b'))).toBeUndefined();
    expect(await makeDirectory('DATA_DIR', join(top, 'a/b'))).toBe(top);
    expect(await faultOfMaking(join(top, 'a/b'))).toBeUndefined();
    expect(await makeDirectory('DATA_DIR', join(top, 'a/b'))).toBeUndefined();
    expect((await stat(join(top, 'a'))).mode & 0o777).toBe(0o700);
  });

  test('and is a file, or below one, or where nobody makes any: the configuration is bad', async () => {
    const file = join(runDirectory(), `file-${process.pid}`);
    await writeFile(file, '');
    for (const path of [file, join(file, 'below'), join(file, 'below/below')]) {
      expect(await faultOfMaking(path)).toMatch(/^E/);
    }
    for (const path of [file, join(file, 'below'), '/proc/nobody-makes-this/below']) {
      const failure = await makeDirectory('DATA_DIR', path).catch(describeFailure);
      expect(failure).toMatchObject({
        code: 'directory_unusable',
        detail: expect.stringContaining(`DATA_DIR: ${path} cannot be used`),
        status: BAD_CONFIGURATION,
      });
    }
  });
});
