import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Fault } from '../config/source.ts';
import {
  type Config,
  type ConfigResult,
  faultOf,
  type KeySettings,
  parseConfig,
  renderFaults,
} from '../config.ts';
import { faultOfKeys } from '../issuer/keys/key-encryption-key.ts';
import { withDotenv } from '../kit/dotenv.ts';
import type { Invocation } from './invocation.ts';

/** A configuration that can be used. */
type Accepted = Extract<ConfigResult, { config: Config }>;

/**
 * Reads the configuration for a command.
 * @param json whether what is wrong is for machines
 * @returns undefined when it is unusable; everything that is wrong has been written then
 */
export function configure(
  invocation: Pick<Invocation, 'env' | 'out' | 'err'>,
  role: Config['role'] = 'all',
  json = false,
): Accepted | undefined {
  return accepted(invocation, readConfiguration(invocation, role), json);
}

/**
 * As `configure`, for a server; keys that it would refuse are faults like any other, so that they
 * are told with the rest and before it has changed anything. The server reads them again by itself.
 */
export async function configureServer(
  invocation: Pick<Invocation, 'env' | 'out' | 'err'>,
  role: Config['role'],
): Promise<Accepted | undefined> {
  const result = readConfiguration(invocation, role);
  const fault = await keyFaultOf(result, role);
  if (!fault) return accepted(invocation, result, false);
  const [faults, keys] = 'faults' in result ? [result.faults, result.keys] : [[], result.config];
  return accepted(invocation, { faults: [...faults, fault], keys }, false);
}

function accepted(
  invocation: Pick<Invocation, 'out' | 'err'>,
  result: ConfigResult,
  json: boolean,
): Accepted | undefined {
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

/** What is wrong with the keys that a configuration names, where it names any. */
export async function keyFaultOf(
  result: ConfigResult,
  role: Config['role'],
): Promise<Fault | undefined> {
  const keys: KeySettings | undefined = 'config' in result ? result.config : result.keys;
  if (!keys || role === 'resource-server') return undefined;
  const found = await faultOfKeys(keys.keyEncryptionKeys, !keys.production);
  return found && faultOf(found.variable, found.problem);
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
