import { describe, expect, test } from 'vitest';
import { VERSION } from '../../src/kit/version.ts';
import { runCommand } from '../support/command.ts';

/** The commands that a usage shows. */
const shown = (text: string): string[] => text.match(/(?<=^ {2})[a-z-]+(?: [a-z]+\b)?/gm) ?? [];

/** Asks with an environment that nothing can be done in: no question reads it. */
const ask = (line: string) => runCommand(line.split(' '), { PORT: 'none' });

describe('help', () => {
  test('of everything', async () => {
    const all = await ask('help');
    expect(all).toMatchObject({ status: 0, err: '' });
    expect(shown(all.out)).toEqual(
      expect.arrayContaining(['serve', 'keys list', 'users import', 'help', '--version']),
    );
    for (const line of ['--help', '-h', '--json --help', 'help --help', '-h users']) {
      expect(await ask(line), line).toEqual(all);
    }
  });

  test('of a command is its lines alone', async () => {
    const one = await ask('users list --help');
    expect(one).toMatchObject({ status: 0, err: '' });
    expect(one.out).toMatch(
      /^Usage: keyturn users list \[--email PATTERN\] .*\n +Shows users .*\n$/,
    );
    const same = ['users list -h', 'users list --json --help', 'users list a --email x -h'];
    for (const line of [...same, 'help users list']) expect(await ask(line), line).toEqual(one);
    expect((await ask('serve --help --only issuer')).out).toMatch(
      /^Usage: keyturn serve .*\n.*\n$/,
    );
    expect((await ask('keys revoke some-kid --help')).out).toMatch(/^Usage: keyturn keys revoke /);
  });

  test.each(['keys', 'users', 'audit', 'sessions'])('of %s is the group', async (group) => {
    const { status, out, err } = await ask(`${group} --help`);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(new RegExp(`^Usage: keyturn ${group} COMMAND`));
    const members = shown((await ask('help')).out).filter((name) => name.startsWith(`${group} `));
    expect(shown(out)).toEqual(members);
    expect(await ask(`help ${group}`)).toEqual({ status, out, err });
  });

  test('after -- is a word like any other', async () => {
    expect(await ask('keys revoke -- --help')).toMatchObject({ status: 78, out: '' });
  });

  test.each(['fly --help', 'help fly', 'users fly --help'])('%s is wrong usage', async (line) => {
    expect(await ask(line)).toMatchObject({ status: 2, out: '' });
  });
});

test('--version prints the version', async () => {
  expect(await ask('--version')).toEqual({ status: 0, out: `${VERSION}\n`, err: '' });
});

test.each(['constructor', 'toString', '__proto__'])('%s is no command', async (word) => {
  expect(await ask(word)).toMatchObject({ status: 2, out: '' });
});

describe('no command', () => {
  test.each([
    ['kyes list', 'keys list'],
    ['key rotate --force', 'keys rotate'],
    ['users lsit --json', 'users list'],
    ['user delete a@example.com', 'users delete'],
    ['server', 'serve'],
    ['migrte now', 'migrate'],
    ['validate-confg', 'validate-config'],
    ['kyes', 'keys'],
    ['hlep', 'help'],
    ['help user list', 'users list'],
    ['kyes list --help', 'keys list'],
  ])('%s is one line that names %s', async (line, meant) => {
    const { status, out, err } = await ask(line);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toMatch(/^There is no command .*; did you mean `.*`\? See keyturn .*\.\n$/);
    expect(err).toContain(`did you mean \`${meant}\`?`);
  });

  test.each([
    ['fly', 'There is no command fly. See keyturn help.\n'],
    ['list keys', 'There is no command list keys. See keyturn help.\n'],
    ['users forget a', 'There is no command users forget. See keyturn users --help.\n'],
    ['--json', 'There is no option --json. See keyturn help.\n'],
    ['constructor', 'There is no command constructor. See keyturn help.\n'],
  ])('%s: %s', async (line, err) => {
    expect(await ask(line)).toEqual({ status: 2, out: '', err });
  });

  test.each(['keys', 'users', 'keys --json'])('%s shows what there is of it', async (line) => {
    const [group = ''] = line.split(' ');
    const { out } = await ask(`${group} --help`);
    expect(await ask(line)).toEqual({ status: 2, out: '', err: out });
  });
});
