import { type Failure, USAGE_ERROR } from '../control/failure.ts';
import type { Invocation } from './invocation.ts';
import { printable } from './printable.ts';

/**
 * Says why a command does not do what it was told: to machines where its answer would have gone.
 * @param command the words that name it
 * @returns the exit status
 */
export function refuse(
  { out, err }: Pick<Invocation, 'out' | 'err'>,
  command: string,
  { status, ...error }: Failure,
  json: boolean,
): number {
  if (json) {
    out.write(`${JSON.stringify({ error })}\n`);
    return status;
  }
  const lines = (error.errors ?? []).map(({ path, message }) => `  ${path}: ${message}`);
  const told = [...`keyturn ${command}: ${error.detail}`.split('\n'), ...lines];
  err.write(told.map((line) => `${printable(line)}\n`).join(''));
  return status;
}

/**
 * Says what is wrong with the words of a command.
 * @param detail whole sentences
 * @returns the exit status
 */
export function complain(
  invocation: Pick<Invocation, 'argv' | 'out' | 'err'>,
  command: string,
  detail: string,
  json = asksForJson(invocation.argv),
): number {
  const told = json ? detail : `${printable(detail)} See keyturn ${command} --help.`;
  return refuse(
    invocation,
    command,
    { code: 'wrong_usage', detail: told, status: USAGE_ERROR },
    json,
  );
}

/** Whether the words of a command ask for an answer for machines, as far as they can be read. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}
