import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Contender } from './contender.ts';
import { PEERS } from './peer-process.ts';

/** The part of a package.json that says what else is installed. */
interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** Installs the peers by their lockfile, unless that has been done. */
export function installPeers(): void {
  const done = join(PEERS, 'node_modules/.package-lock.json');
  const lockfile = join(PEERS, 'package-lock.json');
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lockfile).mtimeMs) return;
  console.log('npm ci in bench/peers: what Keyturn is measured beside is installed once');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: PEERS, stdio: 'inherit' });
}

/** The versions of the packages that a contender is made of. */
export const versions = ({ installed: { directory, packages } }: Contender): string =>
  packages
    .map((name) => `${name} ${manifest(join(directory, 'node_modules', name)).version}`)
    .join(', ');

/** What an operator installs for a contender, with all that it depends on, in bytes. */
export function installedBytes({ installed: { directory, packages }, own }: Contender): number {
  const found = new Set<string>();
  const take = (from: string, name: string, optional: boolean): void => {
    const at = find(from, name);
    if (at === undefined) {
      if (optional) return;
      throw new Error(`${name} is not installed`);
    }
    if (found.has(at)) return;
    found.add(at);
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      manifest(at);
    for (const each of Object.keys(optionalDependencies ?? {})) take(at, each, true);
    for (const each of Object.keys(dependencies ?? {})) {
      take(at, each, optionalDependencies?.[each] !== undefined);
    }
    for (const each of Object.keys(peerDependencies ?? {})) {
      if (!peerDependenciesMeta?.[each]?.optional) take(at, each, false);
    }
  };
  for (const name of packages) take(directory, name, false);
  return [...found, ...own].reduce((sum, path) => sum + bytesOf(path), 0);
}

/** Where Node.js finds a package that `from` imports. */
function find(from: string, name: string): string | undefined {
  const at = join(from, 'node_modules', name);
  if (existsSync(join(at, 'package.json'))) return at;
  const above = dirname(from);
  return above === from ? undefined : find(above, name);
}

const manifest = (directory: string): Manifest & { readonly version: string } =>
  JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));

/** Of a file or a directory, without the packages within. */
function bytesOf(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}
