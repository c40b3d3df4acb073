import type { Command } from './invocation.ts';

/** The commands, by the words that name them. */
export type Commands = ReadonlyMap<string, Command>;

/** What somebody wants to know instead of having something done. */
export type Question =
  | { readonly about: 'version' }
  /** `words` are those of a command or a group; none for all commands. */
  | { readonly about: 'usage'; readonly words: readonly string[] };

/** What asks for the version, as the first word. */
const VERSION_WORDS: ReadonlySet<string> = new Set(['version', '--version', '-V']);

/** Reads `help`, `--help`, `version` and `--version`; undefined when something is to be done. */
export function readQuestion(argv: readonly string[]): Question | undefined {
  const [first, ...rest] = argv;
  if (first !== undefined && VERSION_WORDS.has(first)) return { about: 'version' };
  if (first === 'help') return { about: 'usage', words: wordsOf(rest) };
  return optionsOf(argv).some((word) => word === '--help' || word === '-h')
    ? { about: 'usage', words: wordsOf(argv) }
    : undefined;
}

/** The words that may name a command: those before the first option, two at most. */
export function wordsOf(argv: readonly string[]): readonly string[] {
  const end = argv.findIndex((word) => word.startsWith('-'));
  return argv.slice(0, end < 0 ? 2 : Math.min(end, 2));
}

/** A command, and how many words name it. */
export interface FoundCommand {
  readonly name: string;
  readonly command: Command;
  readonly length: number;
}

/** The command that `argv` begins with. */
export function findCommand(commands: Commands, argv: readonly string[]): FoundCommand | undefined {
  for (const length of [2, 1]) {
    const name = argv.slice(0, length).join(' ');
    const command = commands.get(name);
    if (command) return { name, command, length };
  }
  return undefined;
}

/** Words that ask about commands, and are none. */
const QUESTIONS: ReadonlySet<string> = new Set(['help', 'version']);

/** The usage of one command, of a group of them, or of all; undefined when there is none such. */
export function usageOf(commands: Commands, words: readonly string[]): string | undefined {
  if (words.length === 0 || QUESTIONS.has(words[0] ?? '')) return usage(commands);
  const found = findCommand(commands, words);
  if (found)
    return `Usage: keyturn ${describe(found.name, found.command)}${explain(found.command)}`;
  return words.length === 1 ? groupUsage(commands, words[0] ?? '') : undefined;
}

/** The usage of the commands that share their first word; undefined when none has it. */
export function groupUsage(commands: Commands, group: string): string | undefined {
  const members = new Map([...commands].filter(([name]) => name.startsWith(`${group} `)));
  if (members.size === 0) return undefined;
  return `Usage: keyturn ${group} COMMAND [options]\n\n${list(members)}`;
}

/** The usage of everything. */
export const usage = (commands: Commands): string => `Usage: keyturn COMMAND [options]

${list(commands)}  help [COMMAND]
      Shows this, or what --help shows after a command.
  version, --version, -V
      Shows the version.

--json prints an answer for machines. Configuration comes from environment variables, or from a
file .env outside production: docs/configuration.md lists them. Exit status: 0 done, 1 failed,
2 wrong usage, 75 try again later, 78 bad configuration.
`;

const list = (commands: Commands): string =>
  [...commands].map(([name, command]) => `  ${describe(name, command)}`).join('');

const describe = (name: string, { usage, summary }: Command): string =>
  `${`${name} ${usage}`.trim()}\n      ${summary}\n`;

function explain({ usage, words = {}, page }: Command): string {
  const json = usage.includes('--json') ? { '--json': 'prints an answer for machines' } : {};
  const rows = Object.entries({ ...words, ...json });
  const width = Math.max(...rows.map(([word]) => word.length));
  const lines = rows.map(([word, meaning]) => `  ${word.padEnd(width)}  ${meaning}\n`);
  return `${lines.length > 0 ? '\n' : ''}${lines.join('')}${page ? `\nMore: ${page}\n` : ''}`;
}

/** The words that may be options: after `--` nothing is. */
function optionsOf(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end < 0 ? argv : argv.slice(0, end);
}
