import { type ParseArgsConfig, parseArgs } from 'node:util';
import { asksForJson, complain } from './refuse.ts';

/** How a command was called, and where it may write. */
export interface Invocation {
  /** The words after the command's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly err: NodeJS.WritableStream;
  /** Opens what it may read; nothing when absent. */
  readonly input?: () => NodeJS.ReadableStream;
}

/** One command of the command line. */
export interface Command {
  /** Its options, as the usage shows them. */
  readonly usage: string;
  readonly summary: string;
  /** What each word of `usage` means, but for --json, which means the same everywhere. */
  readonly words?: Readonly<Record<string, string>>;
  /** Where more is written about it. */
  readonly page?: string;
  /** Does it. @returns the exit status */
  run(invocation: Invocation): Promise<number>;
}

/** Reads options; undefined, with the complaint written, when they are wrong. */
export function readOptions<T extends NonNullable<ParseArgsConfig['options']>>(
  invocation: Invocation,
  command: string,
  options: T,
  allowPositionals = false,
) {
  try {
    const config = { args: [...invocation.argv], options, strict: true, allowPositionals } as const;
    const { values, positionals } = parseArgs(config);
    return { ...values, positionals };
  } catch (error) {
    const said = (error as Error).message.replaceAll(/\n\s*/g, ' ');
    const detail = /[.?!]$/.test(said) ? said : `${said}.`;
    complain(invocation, command, detail, 'json' in options && asksForJson(invocation.argv));
    return undefined;
  }
}
