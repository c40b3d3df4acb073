import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Lockfile, lockfileFaults, withoutEngines } from '../.ci/lockfile.ts';

const read = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, '..', name), 'utf8'));

describe('the lockfile', () => {
  test('installs with every Node.js and npm that package.json promises', () => {
    const lock: Lockfile = read('package-lock.json');
    expect(Object.keys(lock.packages).length).toBeGreaterThan(100);
    expect(lockfileFaults(lock, read('package.json').allowScripts)).toEqual([]);
  });

  const good = {
    '': { engines: { node: '>=20' } },
    'node_modules/a': { version: '1.0.0', optionalDependencies: { '@b/c': '1' } },
    'node_modules/a/node_modules/@b/c': { version: '1.0.0', hasInstallScript: true },
  } as const;

  test.each([
    [{ 'node_modules/d': { version: '1.0.0', engines: { node: '>=22' } } }, 'carries engines'],
    [{ 'node_modules/d': { version: '1.0.0', resolved: 'https://a.test/d' } }, 'names a registry'],
    [{ 'node_modules/d': {} }, 'has no version'],
    [{ 'node_modules/d': { version: '1.0.0', hasInstallScript: true } }, 'd has an install script'],
    [
      { 'node_modules/d': { version: '1', optionalDependencies: { e: '1' } } },
      'd lacks its optional e',
    ],
  ])('is faulty with %j', (entry, fault) => {
    expect(lockfileFaults({ packages: { ...good } }, { '@b/c': true })).toEqual([]);
    const faults = lockfileFaults({ packages: { ...good, ...entry } }, { '@b/c': true });
    expect(faults).toEqual([expect.stringContaining(fault)]);
  });

  test('may refuse an install script by name', () => {
    expect(lockfileFaults({ packages: { ...good } }, { '@b/c': false })).toEqual([]);
  });

  test('is mended without a word about the project itself', () => {
    const engines = { node: '>=22' };
    const packages = { ...good, 'node_modules/d': { version: '1.0.0', engines, resolved: 'x' } };
    const mended = { ...good, 'node_modules/d': { version: '1.0.0' } };
    expect(withoutEngines({ packages })).toEqual({ packages: mended });
  });
});
