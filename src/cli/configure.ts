import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Config, type ConfigResult, parseConfig, renderFaults } from '../config.ts';
import { withDotenv } from '../kit/dotenv.ts';
import type { Invocation } from './invocation.ts';

/**
 * Reads the configuration for a command.
 * @param json whether what is wrong is for machines
 * @returns undefined when it is unusable; everything that is wrong has been written then
 */
export function configure(
  invocation: Pick<Invocation, 'env' | 'out' | 'err'>,
  role: Config['role'] = 'all',
  json = false,
): { config: Config; warnings: readonly string[] } | undefined {
  const result = readConfiguration(invocation, role);
  if ('config' in result) return result;
  const detail = renderFaults(result.faults);
  if (json) {
    invocation.out.write(`${JSON.stringify({ error: { code: 'bad_configuration', detail } })}\n`);
  } else invocation.err.write(detail);
  return undefined;
}

/** Reads and judges the environment, with `.env` below it outside production. */
export function readConfiguration(
  { env, out }: Pick<Invocation, 'env' | 'out'>,
  role: Config['role'],
): ConfigResult {
  return parseConfig(env.NODE_ENV === 'production' ? env : withDotenv(env, readFile()), {
    terminal: out.isTTY === true,
    role,
    cores: availableParallelism(),
  });
}

/** There is a `.env` and it cannot be read: what it says is not to be left out in silence. */
export class UnreadableDotenv extends Error {
  override readonly name = 'UnreadableDotenv';

  constructor(reason: string) {
    super(`.env cannot be read (${reason}). Make it a file that this user may read, or remove it.`);
  }
}

function readFile(): string {
  try {
    return readFileSync('.env', 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw new UnreadableDotenv(code ?? message);
  }
}
