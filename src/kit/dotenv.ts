import { parseEnv } from 'node:util';

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that the text of a `.env` file sets, as Node's own `--env-file` reads it. */
export function readDotenv(text: string): Record<string, string> {
  const entries = Object.entries(parseEnv(text.replace(/^\uFEFF/, '')));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

/**
 * `env` with the file's variables below it: one that is set already, were it empty, stays. So does
 * Node's own `--env-file`; and somebody can do without what the file says.
 */
export function withDotenv(env: Environment, text: string): Environment {
  const set = Object.entries(env).filter(([, value]) => value !== undefined);
  return { ...readDotenv(text), ...Object.fromEntries(set) };
}
