import { describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/postgres.ts';
import { emptySite } from '../support/server-process.ts';
import { say } from '../support/verifiers/in-process.ts';

describe('what is no command', () => {
  test.each([
    'keys revoke',
    'keys revoke one two',
    'keys revoke one --all',
    'keys rotate now',
    'keys rotate --later',
    'keys list --kid',
    'keys rewrap all',
    'restored yes',
    'migrate --force',
    'keys turn',
  ])('%s: usage, and 2', async (words) => {
    const { status, stdout, stderr } = await say(words, await emptySite());
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/See:? keyturn |Usage: keyturn/);
  });

  test('an unusable configuration is 78, and named', async () => {
    const site = await emptySite({ KEY_LEASE: 'soon' });
    const { status, stdout, stderr } = await say('keys list', site);
    expect({ status, stdout }).toEqual({ status: 78, stdout: '' });
    expect(stderr).toContain('KEY_LEASE');
    const forMachines = await say('keys list --json', site);
    expect({ ...forMachines, stdout: JSON.parse(forMachines.stdout) }).toMatchObject({
      status: 78,
      stdout: { error: { code: 'bad_configuration', detail: stderr } },
      stderr: '',
    });
  });

  test('a PostgreSQL without tables says so', async () => {
    const { url, drop } = await createTestDatabase();
    const { status, stdout } = await say(
      'keys list --json',
      await emptySite({ DATABASE_URL: url }),
    );
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({
      status: 1,
      code: 'database_not_set_up',
    });
    await drop();
  });

  test('a PostgreSQL that is away: try again later', async () => {
    const site = await emptySite({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nowhere' });
    const { status, stdout } = await say('keys list --json', site);
    expect({ status, code: JSON.parse(stdout).error.code }).toEqual({
      status: 75,
      code: 'unavailable',
    });
  });

  test('a directory without a database is not made one', async () => {
    const site = await emptySite();
    for (const words of ['keys list', 'keys rotate', 'keys revoke --all', 'restored']) {
      const { status, stdout } = await say(`${words} --json`, site);
      expect(status).toBe(1);
      expect(JSON.parse(stdout).error.code).toBe('database_not_set_up');
    }
    expect(await say('migrate --json', site)).toMatchObject({ status: 0 });
    const { stdout } = await say('keys list --json', site);
    expect(JSON.parse(stdout)).toMatchObject({ active: null, next: null, keys: [] });
  });
});
