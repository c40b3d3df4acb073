import { editDistance } from '../kit/edit-distance.ts';
import { type Commands, groupUsage, usage, wordsOf } from './usage.ts';

/** How many letters a misspelling is away from what was meant, at most. */
const MOST_SLIPS = 2;

/** What is wrong with words that name no command. */
export interface Complaint {
  /** Whole sentences on one line. */
  readonly detail: string;
  /** The usage of what was left unsaid. */
  readonly usage?: string;
}

/** What to say to words that name no command. */
export function complainOf(commands: Commands, argv: readonly string[]): Complaint {
  if (argv.length === 0) return { detail: 'A command is missing.', usage: usage(commands) };
  const words = wordsOf(argv);
  const [first = ''] = words;
  const group = groupUsage(commands, first);
  if (group && words.length === 1) {
    return { detail: `A command is missing after ${first}.`, usage: group };
  }
  const meant = nearest(commands, words);
  const given =
    words.length === 0 ? `option ${argv[0]} before a command` : `command ${words.join(' ')}`;
  const guess = meant === undefined ? '.' : `; did you mean \`${meant}\`?`;
  const where = group ? `${first} --help` : 'help';
  return { detail: `There is no ${given}${guess} See keyturn ${where}.` };
}

/** The command, or group, that is spelt most like the words; undefined when none is like them. */
function nearest(commands: Commands, words: readonly string[]): string | undefined {
  const names = [...commands.keys(), 'help', 'version'];
  const groups = new Set(names.flatMap((name) => (name.includes(' ') ? name.split(' ', 1) : [])));
  // A group alone is no command: only who gave no second word can have meant it.
  const candidates = words.length === 1 ? [...names, ...groups] : names;
  const [best] = candidates
    .map((name) => ({ name, slips: slipsBetween(words, name) }))
    .filter(({ slips }) => slips <= MOST_SLIPS)
    .sort((a, b) => a.slips - b.slips);
  return best?.name;
}

/** How far the words are from a name; those behind it are its arguments. */
function slipsBetween(words: readonly string[], name: string): number {
  const { length } = name.split(' ');
  return editDistance(words.slice(0, length).join(' '), name);
}
