// Plain JavaScript: for a module of TypeScript Node.js loads a compiler, 20 MiB and a tenth of a
// second, and this runs before there is a cache of what it makes.
import { fileURLToPath } from 'node:url';

/** Bounds what new objects take before they are collected, in MiB; V8 uses up to three of these. */
const YOUNG_GENERATION = '--max-semi-space-size';
const MEBIBYTES = 4;
/** Old ones are collected when there are a quarter more; left to itself V8 waits for three times. */
const OLD_GENERATION = '--heap-growing-percent=25';

/** Where what Node.js has compiled is kept: beside the packages it belongs to. */
export const COMPILED = fileURLToPath(new URL('../node_modules/.cache/keyturn', import.meta.url));

/** Variables that are read before any script runs; what is set already stays. */
const SETTINGS = {
  // Half of a start is reading and compiling sources.
  NODE_COMPILE_CACHE: COMPILED,
  // glibc keeps what each thread has freed; together a third of what the server takes otherwise.
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/**
 * How a server is to be started anew, so that it takes less memory: left to itself V8 gives twice
 * as much to garbage as the server needs.
 * @param {{argv: readonly string[], execArgv: readonly string[], connected: boolean,
 *   env: Readonly<Record<string, string | undefined>>}} started a part of `process`; `connected`
 *   says whether there is a channel to a parent, which would be lost
 * @returns {{args: string[], env: Record<string, string | undefined>} | undefined} undefined for
 *   what is no server, or has been started with a size
 */
export function restartOf({ argv, execArgv, env, connected }) {
  if (argv[2] !== 'serve' || connected) return undefined;
  const given = [...execArgv, env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-');
  if (given.includes(YOUNG_GENERATION)) return undefined;
  const size = `${YOUNG_GENERATION}=${MEBIBYTES}`;
  return {
    args: [argv[0] ?? 'node', ...execArgv, size, OLD_GENERATION, ...argv.slice(1)],
    env: { ...SETTINGS, ...env },
  };
}

/**
 * Starts a server anew in the same process, with the same id and streams; 40 ms. Where Node.js may
 * not or cannot do that it merely takes more memory.
 */
export function restartServer() {
  const restart = restartOf({
    argv: process.argv,
    execArgv: process.execArgv,
    env: process.env,
    connected: process.connected === true,
  });
  if (!restart || process.platform === 'win32') return;
  try {
    process.execve?.(process.execPath, restart.args, restart.env);
  } catch {
    // Node's permission model forbids it.
  }
}
