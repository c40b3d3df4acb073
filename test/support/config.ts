import { type Config, type ConfigOptions, parseConfig, renderFaults } from '../../src/config.ts';

/** An environment. */
export type Env = Record<string, string | undefined>;

/** All in one, no terminal, four cores. */
export const OPTIONS: ConfigOptions = { terminal: false, role: 'all', cores: 4 };
/** A key-encryption key. */
export const KEY = Buffer.from('0123456789abcdef0123456789abcdef').toString('base64url');
export const DATABASE_URL = 'postgres://keyturn:s3cret-pass@db:5432/keyturn?sslmode=verify-full';
/** As little as production accepts. */
export const PRODUCTION: Env = {
  NODE_ENV: 'production',
  ISSUER_URL: 'https://id.example.com',
  DATABASE_URL,
  KEYS_DIR: '/etc/keyturn/keys',
  SMTP_URL: 'smtp://mail.example.com',
  MAIL_FROM: 'id@example.com',
  TRUST_PROXY: '1',
};

function accepted(
  env: Env,
  options: Partial<ConfigOptions> = {},
): { config: Config; warnings: readonly string[] } {
  const result = parseConfig(env, { ...OPTIONS, ...options });
  if ('faults' in result) throw new Error(renderFaults(result.faults));
  return result;
}

/** The configuration that `env` makes; throws where it has faults. */
export const config = (env: Env = {}, options: Partial<ConfigOptions> = {}): Config =>
  accepted(env, options).config;

/** The warnings that `env` earns, one a line. */
export const warnings = (env: Env, options: Partial<ConfigOptions> = {}): string =>
  accepted(env, options).warnings.join('\n');

/** What is shown of the faults of `env`. */
export function message(env: Env, options: Partial<ConfigOptions> = {}): string {
  const result = parseConfig(env, { ...OPTIONS, ...options });
  return 'faults' in result ? renderFaults(result.faults) : '';
}

/** The names of the faults of `env`. */
export function faulty(env: Env, options: Partial<ConfigOptions> = {}): string[] {
  const result = parseConfig(env, { ...OPTIONS, ...options });
  return 'faults' in result ? result.faults.map((fault) => fault.name) : [];
}
