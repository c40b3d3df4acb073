import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

/** Of a service in a Compose file what is looked at here, in the long forms that ours uses. */
export interface ComposeService {
  readonly image: string;
  readonly build?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
}

/** A Compose file. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** Reads docker-compose.yml as `docker compose` does where no variable is set. */
export async function readComposeFile(directory: string): Promise<ComposeFile> {
  const text = await readFile(join(directory, 'docker-compose.yml'), 'utf8');
  return interpolated(parse(text, { merge: true })) as ComposeFile;
}

/** `${NAME:-default}` becomes its default and `$$` a dollar sign; throws on any other `$`. */
function interpolated(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(/\$(?:\$|\{\w+:-([^}]*)\}|)/g, (found, fallback?: string) => {
      if (found === '$$') return '$';
      if (fallback === undefined) throw new Error(`a lone $: ${value}`);
      return fallback;
    });
  }
  if (Array.isArray(value)) return value.map(interpolated);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolated(one)]));
}
