import { existsSync } from 'node:fs';
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
      expect.arrayContaining(['serve', 'keys list', 'users import', 'help', 'version']),
    );
    const same = ['--help', '-h', '--json --help', 'help --help', '-h users', 'help version'];
    for (const line of same) {
      expect(await ask(line), line).toEqual(all);
    }
  });

  test('of a command says what each of its words means, and where there is more', async () => {
    for (const [name, usage] of await commands()) {
      const { out } = await ask(`${name} --help`);
      const words = usage.match(/--[a-z-]+|\b(?:KID|ID|FILE)\b(?![^[]*\])/g) ?? [];
      const told = out.match(/(?<=^ {2})\S+(?= {2,}\S)/gm) ?? [];
      const named = new Set(/ (?:EMAIL\|ID)/.test(usage) ? words.filter((w) => w !== 'ID') : words);
      expect(new Set(told), name).toEqual(named);
      expect(existsSync(/^More: (\S+)\n$/m.exec(out)?.[1] ?? ''), name).toBe(true);
    }
  });

  test('of a command is its own alone', async () => {
    const one = await ask('users list --help');
    expect(one).toMatchObject({ status: 0, err: '' });
    expect(one.out).toMatch(
      /^Usage: keyturn users list \[--email PATTERN\] .*\n +Shows users .*\n\n +--email {2}only /,
    );
    const same = ['users list -h', 'users list --json --help', 'users list a --email x -h'];
    for (const line of [...same, 'help users list']) expect(await ask(line), line).toEqual(one);
    expect((await ask('serve --help --only issuer')).out).toMatch(
      /^Usage: keyturn serve .*\n.*\n\n {2}--only .*\n\nMore: .*\n$/,
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

test.each(['--version', 'version', '-V'])('%s prints the version', async (word) => {
  expect(await ask(word)).toEqual({ status: 0, out: `${VERSION}\n`, err: '' });
});

/** The names of every command that help shows, with their options. */
async function commands(): Promise<Map<string, string>> {
  const { out } = await ask('help');
  const lines = out.match(/^ {2}(?!help|version)[a-z].*$/gm) ?? [];
  const names = lines.map((line) => /^ {2}([a-z-]+(?: [a-z]+\b)?)(.*)$/.exec(line) ?? []);
  return new Map(names.map(([, name = '', options = '']) => [name, options]));
}

describe('wrong usage', () => {
  test('is one line in one form, whichever the command', async () => {
    const names = [...(await commands()).keys()];
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      const { status, out, err } = await ask(`${name} --fast`);
      expect({ status, out }, name).toEqual({ status: 2, out: '' });
      expect(err).toMatch(
        new RegExp(
          `^keyturn ${name}: Unknown option '--fast'\\..* See keyturn ${name} --help\\.\n$`,
        ),
      );
    }
  });

  test.each([
    ['keys revoke', 'It takes one KID or --all, and --now if you like.'],
    ['users list --limit 0', '--limit takes a number from 1 to '],
    ['users create', 'It takes one EMAIL.'],
    ['users delete a@example.com b', 'It takes one user, by EMAIL or ID.'],
    ['users import', 'It takes one FILE, or -.'],
    ['sessions explain', 'It takes one session ID.'],
    ['audit list --limit 0', '--limit takes a number from 1 to '],
    ['audit list --event x --since y', 'There is no event x; there are: '],
    ['validate-config --issuer x', '--issuer takes a URL such as '],
    ['users list --email', "Option '--email <value>' argument missing."],
  ])('%s: %s', async (line, detail) => {
    const name = line.split(' --', 1)[0]?.replace(/ a@.*/, '') ?? '';
    const { status, out, err } = await ask(line);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err.startsWith(`keyturn ${name}: ${detail}`)).toBe(true);
    expect(err).toMatch(new RegExp(`\\. See keyturn ${name} --help\\.\n$`));

    const machine = await ask(`${line} --json`);
    expect(machine).toMatchObject({ status: 2, err: '' });
    const { error } = JSON.parse(machine.out);
    expect(error).toEqual({ code: 'wrong_usage', detail: expect.stringMatching(/\.$/) });
    expect(error.detail).not.toContain('See keyturn');
  });
});

test.each([
  ['Bob\nB', '--name must not contain control characters.'],
  ['', '--name must not be empty.'],
  ['x'.repeat(201), '--name must have at most 200 characters.'],
])('users create --name %j says what is wrong with it', async (name, detail) => {
  const { status, err } = await runCommand(['users', 'create', 'a@example.com', '--name', name]);
  expect(status).toBe(2);
  expect(err).toBe(`keyturn users create: ${detail} See keyturn users create --help.\n`);
});

test('a complaint shows what it was given on its one line', async () => {
  const { err } = await runCommand(['users', 'create', 'a\u202e\n@example.com']);
  expect(err).toMatch(/^keyturn users create: a\\u\{202e\}\\u\{a\}@example\.com is no .*\n$/);
});

describe('under --json', () => {
  test('every command that shows it refuses so, and no other takes it', async () => {
    for (const [name, options] of await commands()) {
      const known = options.includes('--json');
      const wrong = await ask(`${name} --json --fast`);
      expect(wrong, name).toMatchObject({ status: 2, [known ? 'err' : 'out']: '' });
      if (known) expect(JSON.parse(wrong.out).error.code, name).toBe('wrong_usage');
      // Its answer is what is wrong with the configuration.
      if (!known || name === 'validate-config') continue;
      const argument = /^ (?:KID|EMAIL|ID)/.test(options) ? ' x@example.com' : '';
      const input = name === 'users import' ? ' -' : argument;
      const refused = await ask(`${name}${input} --json`);
      expect(refused, name).toMatchObject({ status: 78, err: '' });
      expect(JSON.parse(refused.out)).toEqual({
        error: { code: 'bad_configuration', detail: expect.stringContaining('PORT: ') },
      });
    }
  });

  test('it is a word like any other after --', async () => {
    const { status, out } = await ask('users delete a b -- --json');
    expect({ status, out }).toEqual({ status: 2, out: '' });
  });
});

test.each(['constructor', 'toString', '__proto__'])('%s is no command', async (word) => {
  expect(await ask(word)).toMatchObject({ status: 2, out: '' });
});

describe('no command', () => {
  test.each([
    ['kyes list', 'keys list'],
    ['key rotate --force', 'keys rotate'],
    ['users lsit', 'users list'],
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
    expect(err).toMatch(
      /^keyturn: There is no command .*; did you mean `.*`\? See keyturn .*\.\n$/,
    );
    expect(err).toContain(`did you mean \`${meant}\`?`);
  });

  test.each([
    ['fly', 'keyturn: There is no command fly. See keyturn help.\n'],
    ['list keys', 'keyturn: There is no command list keys. See keyturn help.\n'],
    ['users forget a', 'keyturn: There is no command users forget. See keyturn users --help.\n'],
    ['-x', 'keyturn: There is no option -x before a command. See keyturn help.\n'],
    ['a\u001b[2Kb', 'keyturn: There is no command a\\u{1b}[2Kb. See keyturn help.\n'],
    ['constructor', 'keyturn: There is no command constructor. See keyturn help.\n'],
  ])('%s: %s', async (line, err) => {
    expect(await ask(line)).toEqual({ status: 2, out: '', err });
  });

  test.each(['keys', 'users', 'keys --x'])('%s shows what there is of it', async (line) => {
    const [group = ''] = line.split(' ');
    const { out } = await ask(`${group} --help`);
    const err = `keyturn: A command is missing after ${group}.\n\n${out}`;
    expect(await ask(line)).toEqual({ status: 2, out: '', err });
  });

  test.each([
    ['--json', 'There is no option --json before a command. '],
    ['--json users list', 'There is no option --json before a command. '],
    ['users lsit --json', 'There is no command users lsit; did you mean `users list`? '],
    ['users --json', 'A command is missing after users.'],
  ])('%s is refused for machines as anything else', async (line, detail) => {
    const { status, out, err } = await ask(line);
    expect({ status, err }).toEqual({ status: 2, err: '' });
    expect(JSON.parse(out)).toEqual({
      error: { code: 'wrong_usage', detail: expect.stringContaining(detail) },
    });
  });
});
