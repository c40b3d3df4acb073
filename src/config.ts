import { parseKeyText } from './config/connections.ts';
import { readMail, readPasswords, readPresentation } from './config/features.ts';
import { readNetwork } from './config/network.ts';
import {
  createSource,
  type Environment,
  type Fault,
  type Role,
  type Source,
} from './config/source.ts';
import { readDatabase, readWorkers } from './config/storage.ts';
import { readTimes, type Times } from './config/times.ts';
import { readTracing, type Tracing } from './config/tracing.ts';
import { warnOfTypos } from './config/typos.ts';
import { VARIABLES, type VariableName } from './config/variables.ts';
import type { LogFormat, LogLevel } from './kit/log.ts';
import type { Secret } from './kit/secret.ts';

/** Where to listen; port 0 takes any free one. */
export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** Where the keys come from that seal the signing keys. */
export type KeyEncryptionKeys =
  | { readonly from: 'directory'; readonly dir: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'text'; readonly text: Secret<string> };

/** Everything that can be set from outside, checked; what each means is in `docs/configuration.md`. */
export interface Config {
  readonly production: boolean;
  readonly role: Role;
  readonly listen: Listener;
  /** The private listener, for metrics. */
  readonly admin: Listener;
  /** An origin. When unset, made of `listen.port`: with port 0 the caller puts the real one in. */
  readonly issuer: string;
  /** The issuer when unset. */
  readonly audience: string;
  /** `url` undefined: the embedded database under `dataDir`. */
  readonly database: { readonly url: Secret<string> | undefined; readonly prepared: boolean };
  readonly dataDir: string;
  readonly keyEncryptionKeys: KeyEncryptionKeys;
  /** Origins as browsers write them. */
  readonly allowedOrigins: readonly string[];
  readonly cookieSameSite: 'lax' | 'strict' | 'none';
  /** Trusted proxy hops. */
  readonly trustProxy: number;
  /** Undefined: mails become files under `dataDir`. */
  readonly mail: { readonly smtpUrl: Secret<string>; readonly from: string } | undefined;
  readonly registration: 'open' | 'closed';
  readonly emailVerification: 'optional' | 'required';
  /** In characters. */
  readonly passwordMinLength: number;
  /** Memory in KiB, passes, lanes. */
  readonly argon2: { readonly memory: number; readonly time: number; readonly parallelism: number };
  readonly rateLimit: boolean;
  /** Processes that share the listener. */
  readonly workers: number;
  readonly times: Times;
  /** RSA modulus of new keys. */
  readonly keyBits: 2048 | 3072 | 4096;
  /** Undefined: bundled the own listener, alone what the issuer's metadata says. */
  readonly jwksUri: string | undefined;
  readonly selfCheck: boolean;
  readonly todoApp: boolean;
  readonly brand: { readonly name: string; readonly logo?: string; readonly color?: string };
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** Undefined: no traces. */
  readonly tracing: Tracing | undefined;
}

/** What the process knows that the environment does not say. */
export interface ConfigOptions {
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  readonly role: Role;
  /** Processor cores, for `WORKERS=auto`. */
  readonly cores: number;
}

/** A configuration with advice about what is allowed but unwise, or everything that is wrong. */
export type ConfigResult =
  | { readonly config: Config; readonly warnings: readonly string[] }
  | {
      readonly faults: readonly Fault[];
      /** Where the keys are all the same; undefined when none are read, or nobody knows where. */
      readonly keys: KeySettings | undefined;
    };

/** What says where the key-encryption keys are, and whether a server makes the first. */
export type KeySettings = Pick<Config, 'production' | 'keyEncryptionKeys'>;

/** Reads and judges the whole environment; every fault is reported, not the first alone. */
export function parseConfig(env: Environment, options: ConfigOptions): ConfigResult {
  const { role } = options;
  const source = createSource(env, role);
  const production = env.NODE_ENV === 'production';
  adviseMode(source);
  const database = readDatabase(source, production);
  const config: Config = {
    production,
    role,
    ...readNetwork(source, production, role),
    database,
    dataDir: source.given('DATA_DIR') ?? (role === 'resource-server' ? './data-todos' : './data'),
    keyEncryptionKeys: readKeyEncryptionKeys(source, production && role !== 'resource-server'),
    mail: readMail(source, production && role !== 'resource-server'),
    ...readPasswords(source, production),
    workers: readWorkers(source, options.cores, database.url !== undefined),
    times: readTimes(source, role),
    keyBits: readKeyBits(source),
    ...readPresentation(source, production, options.terminal, role),
    tracing: readTracing(source),
  };
  if (source.faults.length > 0) {
    const faulty = source.faulty('KEYS_DIR', 'KEY_ENCRYPTION_KEY', 'KEY_ENCRYPTION_KEY_FILE');
    return { faults: source.faults, keys: faulty ? undefined : config };
  }
  warnOfTypos(source, env);
  return { config, warnings: source.warnings };
}

/** A fault of a variable whose value is right, while what it names is not. */
export const faultOf = (name: VariableName, problem: string): Fault => ({
  name,
  problem,
  example: VARIABLES[name].example,
});

/** The one message about everything that keeps Keyturn from starting. */
export function renderFaults(faults: readonly Fault[]): string {
  const lines = faults.map(
    ({ name, problem, example }) => `  ${name}: ${problem}\n    for example: ${name}=${example}\n`,
  );
  return `Keyturn cannot start with this configuration:\n\n${lines.join('\n')}`;
}

function adviseMode(source: Source): void {
  const mode = source.given('NODE_ENV');
  if (mode === undefined || ['production', 'development', 'test'].includes(mode)) return;
  source.warn('NODE_ENV', 'only "production" is production; this counts as development');
}

function readKeyEncryptionKeys(source: Source, required: boolean): KeyEncryptionKeys {
  const text = source.parsed('KEY_ENCRYPTION_KEY', parseKeyText);
  const path = source.given('KEY_ENCRYPTION_KEY_FILE');
  const dir = source.given('KEYS_DIR');
  const inText = source.given('KEY_ENCRYPTION_KEY') !== undefined;
  if (inText && path !== undefined) {
    source.fault('KEY_ENCRYPTION_KEY_FILE', 'is set beside KEY_ENCRYPTION_KEY: set one of the two');
  }
  if (dir !== undefined && (inText || path !== undefined)) {
    source.warn('KEYS_DIR', 'is not read, since the key-encryption key is given another way');
  }
  if (required && !inText && path === undefined && dir === undefined) {
    source.fault(
      'KEY_ENCRYPTION_KEY',
      'production needs a key-encryption key: here, in KEY_ENCRYPTION_KEY_FILE, or in KEYS_DIR',
    );
  }
  if (text) return { from: 'text', text };
  return path === undefined ? { from: 'directory', dir: dir ?? './keys' } : { from: 'file', path };
}

function readKeyBits(source: Source): 2048 | 3072 | 4096 {
  const bits = { '2048': 2048, '3072': 3072, '4096': 4096 } as const;
  return bits[source.choice('KEY_BITS', ['2048', '3072', '4096'])];
}
