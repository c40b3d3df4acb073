/** What of package-lock.json and package.json matters here. */
export interface Lockfile {
  packages: Record<string, LockedPackage>;
}
interface LockedPackage {
  version?: string;
  resolved?: string;
  engines?: unknown;
  hasInstallScript?: boolean;
  optionalDependencies?: Record<string, string>;
}

/**
 * Says what would keep a fresh clone from installing, one sentence a fault.
 *
 * - `engines`: npm leaves out an optional package whose engines exclude the Node.js it runs on, the
 *   native half of Vite for one, although our scripts run on the newer Node.js that `node` brings.
 * - npm 11 and newer refuse a lockfile that lacks an optional package of another platform.
 * - npm 12 runs no install script that `allowScripts` does not name; `false` there says that none
 *   is wanted.
 */
export function lockfileFaults(lock: Lockfile, allowScripts: Record<string, boolean>): string[] {
  const faults: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '') continue;
    const name = nameOf(path);
    if (entry.engines !== undefined) faults.push(`${path} carries engines: npm run lock`);
    if (entry.resolved !== undefined) faults.push(`${path} names a registry: npm run lock`);
    if (entry.version === undefined) faults.push(`${path} has no version`);
    if (entry.hasInstallScript === true && allowScripts[name] === undefined) {
      faults.push(`${name} has an install script that allowScripts does not name`);
    }
    for (const optional of Object.keys(entry.optionalDependencies ?? {})) {
      const places = [`node_modules/${optional}`, `${path}/node_modules/${optional}`];
      if (!places.some((place) => place in lock.packages)) {
        faults.push(`${name} lacks its optional ${optional}`);
      }
    }
  }
  return faults;
}

/** The lockfile without what `npm install` writes and a newcomer's machine trips over. */
export function withoutEngines(lock: Lockfile): Lockfile {
  const packages = Object.entries(lock.packages).map(([path, entry]) => {
    const { engines, resolved, ...rest } = entry;
    return [path, path === '' ? entry : rest] as const;
  });
  return { ...lock, packages: Object.fromEntries(packages) };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
